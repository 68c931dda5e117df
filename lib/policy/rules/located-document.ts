/** Where something is in a document: names of members, and numbers in lists. */
export type DocumentPath = ReadonlyArray<string | number>

/** A document, and the lines that its parts are on. */
export interface LocatedDocument {
  readonly value: unknown
  /** From 1. Of what is not there: of the nearest that has it. */
  lineOf (path: DocumentPath): number
}

/** A text is no document. */
export class UnreadableDocument extends Error {
  /** @param line - From 1. */
  constructor (readonly line: number, message: string) {
    super(message)
  }
}
