// What may be set from outside.

/** How much is measured. The defaults take some twenty minutes on two processors. */
export const settings = {
  /** How many processes of each contender, one after another: the same build differs from process to process. */
  processes: positive('BENCH_PROCESSES', 5, true),
  /** How often each work is measured in each process, the contenders in turn. */
  rounds: positive('BENCH_ROUNDS', 1, true),
  /** How long each work is measured, in seconds. Octets and idle tunnels are counted by it as well. */
  seconds: positive('BENCH_SECONDS', 1, false)
}

function positive (name: string, otherwise: number, isWhole: boolean): number {
  const value = Number(process.env[name] ?? otherwise)
  if (value > 0 && value < 1e6 && (!isWhole || Number.isInteger(value))) return value
  throw new RangeError(`${name} must be a ${isWhole ? 'whole ' : ''}number above 0`)
}
