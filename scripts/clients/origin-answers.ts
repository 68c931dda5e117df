import { createHash } from 'node:crypto'
import type { Answer } from '../../test/fixtures/origin.js'
import { idOf } from './exchange.js'
import { wheel } from './wheel.js'

const LAYER = Buffer.from('the only layer')
const DIGEST = `sha256:${createHash('sha256').update(LAYER).digest('hex')}`
/** Lines of git, each behind its length; `0000` ends a part. */
const line = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text
const REFS = `${line('# service=git-upload-pack\n')}0000${line(`${'1'.repeat(40)} refs/heads/main\0agent=test\n`)}0000`
const TARBALL = 'hello-1.0.0.tgz'

/**
 * What an origin says to every client of the matrix: a page, a git repository, a repository of Debian packages, an index of
 * Python's and one of npm's, and a registry of images, which asks for a token of its own.
 *
 * @param onAsked - Told the id of each exchange that gets here.
 */
export function answers (onAsked: (id: string) => void): Answer {
  const json = (value: object) => ({ type: 'application/json', body: JSON.stringify(value) })
  return (request, response) => {
    const { headers: { host = '', authorization } } = request
    onAsked(idOf(host) || idOf(request.url!))
    // On reverse routes the id is in front of the path; apt says `/./` there.
    const url = request.url!.replace(/^\/e\d+x(?=\/)/, '').replace(/^\/\.\//, '/')
    const own = `${'encrypted' in request.socket ? 'https' : 'http'}://${host}`
    if (url.startsWith('/v2/') && authorization !== 'Bearer registry-token') {
      response.setHeader('www-authenticate', `Bearer realm="${own}/token",service="registry"`)
      return response.writeHead(401, { 'content-length': 0 }).end()
    }
    const found: { type: string, body: string | Buffer } | undefined = {
      '/repository.git/info/refs?service=git-upload-pack': { type: 'application/x-git-upload-pack-advertisement', body: REFS },
      '/Release': { type: 'text/plain', body: `Origin: test\nSuite: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n ${createHash('sha256').digest('hex')} 0 Packages\n` },
      '/Packages': { type: 'text/plain', body: '' },
      '/simple/hello/': { type: 'text/html', body: '<a href="/hello-1.0.0-py3-none-any.whl">hello-1.0.0-py3-none-any.whl</a>' },
      '/hello-1.0.0-py3-none-any.whl': { type: 'application/octet-stream', body: wheel },
      '/npm/hello': json({
        name: 'hello', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': { name: 'hello', version: '1.0.0', dist: { tarball: `${own}/npm/${TARBALL}` } } }
      }),
      '/token?service=registry&scope=repository:hello:pull': json({ token: 'registry-token' }),
      '/v2/': json({}),
      '/v2/hello/manifests/latest': json({ schemaVersion: 2, layers: [{ digest: DIGEST, size: LAYER.length }] }),
      [`/v2/hello/blobs/${DIGEST}`]: { type: 'application/octet-stream', body: LAYER }
    }[url]
    if (found === undefined && /^\/(InRelease|Release\.gpg|Packages|[a-z]+\/)/.test(url)) return response.writeHead(404, { 'content-length': 0 }).end()
    response.setHeader('content-type', found?.type ?? 'text/html')
    response.setHeader('cache-control', 'no-store')
    response.end(found?.body ?? '<!doctype html><link rel="icon" href="data:,"><title>origin</title>')
  }
}
