/** No mutant has this number. While there is no mutant at all, not even this, what is passed is counted: see `build.ts`. */
export const NONE = 'none'
