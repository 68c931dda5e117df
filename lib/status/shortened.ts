/** How many chars of a name, a target or a reason are told. Clients may make them long. */
const LONGEST = 300

/**
 * What is told of a text that may have any length. Its beginning is copied, so that the rest is not
 * kept.
 */
export function shortened<Text extends string | null> (text: Text): Text {
  if (text === null || text.length <= LONGEST) return text
  return `${Buffer.from(text.slice(0, LONGEST)).toString()}…` as Text
}
