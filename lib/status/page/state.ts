/** The part of the page's script that keeps what the gateway has told. */
export const STATE = String.raw`
// In milliseconds: what was before a longer gap is in no plot with what comes behind it.
const GAP = 5000
// How many seconds of rates are kept, for the plots.
const HISTORY = 60
const MAX_REFUSALS = 200

function createState () {
  return { gateway: '', process: 0, at: '', uptimeMs: 0, totals: null, users: new Map(), exchanges: new Map(), refusals: [], parents: [], history: [[], []] }
}

function takeSnapshot (state, snapshot) {
  const { users, exchanges } = state
  const isSame = state.gateway === snapshot.gateway && state.process === snapshot.process && Math.abs(snapshot.uptimeMs - state.uptimeMs) < GAP
  if (!isSame) state.history = [[], []]
  Object.assign(state, { gateway: snapshot.gateway, process: snapshot.process, parents: snapshot.parents })
  state.users = new Map()
  state.exchanges = new Map()
  state.refusals = snapshot.refusals
  const kept = (row) => historyOf(isSame ? row : undefined)
  for (const user of snapshot.users) state.users.set(user.user, { ...user, history: kept(users.get(user.user)) })
  for (const exchange of snapshot.exchanges) {
    state.exchanges.set(exchange.key, { ...exchange, began: snapshot.uptimeMs - exchange.ageMs, history: kept(exchanges.get(exchange.key)) })
  }
  pass(state, snapshot)
}

function takeChange (state, change) {
  const { users, exchanges } = state
  for (const name of change.usersGone || []) users.delete(name)
  for (const user of change.users || []) users.set(user.user, { ...user, history: historyOf(users.get(user.user)) })
  for (const key of change.gone || []) exchanges.delete(key)
  for (const exchange of change.exchanges || []) {
    const known = exchanges.get(exchange.key)
    exchanges.set(exchange.key, { ...exchange, began: known ? known.began : change.uptimeMs - exchange.ageMs, history: historyOf(known) })
  }
  for (const [key, bytesIn, bytesOut, rateIn, rateOut] of change.paces || []) Object.assign(exchanges.get(key) || {}, { bytesIn, bytesOut, rateIn, rateOut })
  if (change.refusals) state.refusals = [...state.refusals, ...change.refusals].slice(-MAX_REFUSALS)
  if (change.parents) state.parents = change.parents
  pass(state, change)
}

// A second has passed.
function pass (state, { at, uptimeMs, totals }) {
  Object.assign(state, { at, uptimeMs, totals })
  for (const row of [...state.users.values(), ...state.exchanges.values()]) remember(row.history, row)
  remember(state.history, totals)
}

// Rates from the client and to it.
function remember (history, { rateIn, rateOut }) {
  history[0].push(rateIn)
  history[1].push(rateOut)
  if (history[0].length > HISTORY) for (const each of history) each.shift()
}

function historyOf (row) {
  return row ? row.history : [[], []]
}
`
