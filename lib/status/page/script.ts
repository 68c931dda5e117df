import { FORMAT } from './format.js'
import { MAIN } from './main.js'
import { PLOT } from './plot.js'
import { STATE } from './state.js'
import { TABLE } from './table.js'
import { VIEWS } from './views.js'

/** The script of the page. Its parts see each other, and the page sees none of them. */
export const SCRIPT = `(() => {
'use strict'
${[FORMAT, STATE, PLOT, TABLE, VIEWS, MAIN].join('')}})()
`
