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
