import type { Random } from './random.js'
import type { World } from './world.js'

/** A fuzzer: one file that exports one of these as its default. */
export interface Fuzzer<Input = unknown> {
  /** Of the command line, and of the folder in `test/corpus`. */
  readonly name: string
  /** Left out: it needs a world. `false`: it works in this process alone, and gets none. */
  readonly world?: false
  /** An input that JSON can hold, the same for the same state of `random`. */
  generate (random: Random): Input
  /**
   * Tries an input.
   *
   * @throws {Finding} Something is as it must not be. Whatever else is thrown counts as one too.
   */
  run (world: World, input: Input): Promise<void>
  /** Smaller inputs, the most promising first. Left out: lists and texts lose parts. */
  shrink? (input: Input): Iterable<Input>
}
