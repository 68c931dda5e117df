import { Child } from '../child.js'
import type { Scenario } from './scenario.js'

/** In ms. */
const TIMEOUT = 120_000

/** Whether the time until a refusal tells if there is such a user: servers/digest-users.ts. */
export const digestUsers: Scenario = {
  name: 'digest-users',
  sections: [],
  async says ({ folder }) {
    const child = await Child.start(folder, 'digest-users', 'contender')
    const { lines } = await child.ask<{ lines: string[] }>('times', TIMEOUT)
    await child.end()
    return lines
  }
}
