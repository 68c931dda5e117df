/** An end of the gateway's process that is a fault of node, of a version of which nothing outside of node keeps it: counted, and no finding. */
export class FaultOfNode extends Error {
  static readonly isAffected = Number(process.versions.node.split('.')[0]) >= 25
  /** What the process has said last. */
  static is (words: string): boolean {
    return FaultOfNode.isAffected && /Http2Session::~Http2Session\(\)[^\n]*\s[^\n]*\(current_nghttp2_memory_\) == \(0\)/.test(words)
  }
}

/** Something that must not be: what an oracle throws, and what makes a run of the fuzzers fail. */
export class Finding extends Error {
  /**
   * @param kind - A few words, the same for each instance of the kind: while an input is shrunk it has to stay of its kind.
   * @param details - What a reader needs to see what happened.
   */
  constructor (readonly kind: string, details: unknown = '') {
    super(`${kind}${details === '' ? '' : `: ${typeof details === 'string' ? details : JSON.stringify(details)}`}`)
  }
}
