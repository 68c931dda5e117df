import { ReloadFailed } from '../errors.js'
import type { Policy } from '../policy/rules/policy.js'
import { isPolicyFile } from '../policy/rules/policy-file.js'

/**
 * Has accounts and rules read anew, whatever comes of the other.
 *
 * @throws {ReloadFailed} One or both failed.
 */
export async function reloadAll (reloadAccounts: () => Promise<void>, policy: Policy | undefined): Promise<void> {
  const reloadRules = async () => {
    if (policy === undefined || !isPolicyFile(policy)) return
    await policy.reload().catch((problem: unknown) => { throw new ReloadFailed('policy', [problem]) })
  }
  const results = await Promise.allSettled([reloadAccounts(), reloadRules()])
  const failed = results.flatMap((result) => result.status === 'rejected' ? [result.reason as ReloadFailed] : [])
  if (failed.length > 1) {
    throw new ReloadFailed(failed.map(({ what }) => what).join(', '), failed.flatMap(({ errors }) => errors))
  }
  if (failed.length > 0) throw failed[0]
}
