/** What to paste into a shell, once the gateway listens. */
export function linesToPaste (gateway: URL, origin: string, schemes: string[]): string {
  const insecure = gateway.protocol === 'https:' ? ' --proxy-insecure' : ''
  const origins = gateway.protocol === 'https:' ? ' -k' : ''
  const proxy = `curl -x ${gateway.origin}${insecure}`
  const basic = Buffer.from('alice:alice-secret').toString('base64')
  const lines = [
    'Try, in another shell:',
    '',
    '  # without credentials: 407',
    `  ${proxy} -i ${origin}/hello`,
    ...(schemes.includes('basic')
      ? [
          '  # alice, in absolute-form and through a tunnel (-p): 200',
          `  ${proxy} -U alice:alice-secret ${origin}/hello`,
          `  ${proxy} -U alice:alice-secret -p ${origin}/hello`,
          '  # alice, on the reverse route: 200',
          `  curl${origins} -H 'Proxy-Authorization: Basic ${basic}' ${gateway.origin}/api/hello`,
          '  # wrong password: 407',
          `  ${proxy} -U alice:wrong -i ${origin}/hello`,
          '  # a private address: 403',
          `  ${proxy} -U alice:alice-secret -i http://10.0.0.1/`
        ]
      : []),
    ...(schemes.includes('digest')
      ? [
          '  # the same without sending the password: Digest',
          `  ${proxy} --proxy-digest -U alice:alice-secret ${origin}/hello`
        ]
      : []),
    ...(schemes.includes('bearer')
      ? [
          '  # a token in place of a password: 200',
          `  ${proxy} --proxy-header 'Proxy-Authorization: Bearer alice-token' ${origin}/hello`
        ]
      : []),
    ...(schemes.includes('ntlm')
      ? [
          '  # NTLM, in absolute-form and through a tunnel (-p): 200',
          `  ${proxy} --proxy-ntlm -U alice:alice-secret ${origin}/hello`,
          `  ${proxy} --proxy-ntlm -U alice:alice-secret -p ${origin}/hello`
        ]
      : []),
    ...(schemes.includes('negotiate')
      ? [
          '  # with the ticket of kinit, for the name that the proxy is called by here: 200',
          `  ${proxy} --proxy-negotiate -U : ${origin}/hello`,
          `  ${proxy} --proxy-negotiate -U : -p ${origin}/hello`
        ]
      : []),
    ...(schemes.includes('aws4')
      ? [
          '  # a signed request, in absolute-form and through a tunnel: 200',
          `  npx tsx examples/aws4-client.mjs ${gateway.origin} ${origin}/hello`
        ]
      : []),
    ''
  ]
  return lines.join('\n')
}
