/** The part of the page's script that listens to the gateway and shows what it tells. */
export const MAIN = String.raw`
// In milliseconds: after which silence the gateway counts as lost, and when it is asked again.
const SILENCE = 5000
const AGAIN = [1000, 2000, 5000, 10000]
// How often a screen reader is told how things are.
const SUMMARY = 30000

const byId = (id) => document.getElementById(id)
const state = createState()
let events = null
let heard = 0
let failures = 0
let again = 0
let isPaused = false
let lost = ''
let isDue = false
let summed = 0

const TILES = [
  { name: 'Tunnels', write: (totals) => String(totals.tunnels) },
  { name: 'Requests', write: (totals) => String(totals.requests) },
  { name: 'Users', write: (totals) => String(totals.users) },
  { name: 'Refused', write: (totals) => String(totals.refusals) },
  { name: 'Sent by clients', write: (totals) => rate(totals.rateIn), all: (totals) => octets(totals.bytesIn) + ' since the start', plot: 'in', direction: 0 },
  { name: 'Received by clients', write: (totals) => rate(totals.rateOut), all: (totals) => octets(totals.bytesOut) + ' since the start', plot: 'out', direction: 1 }
]
const tiles = TILES.map(({ name, write, all, plot, direction }) => {
  const value = element('dd', {}, '0')
  const since = element('dd', { class: 'since' })
  const drawn = plot && createPlot([plot])
  const tile = element('div', { class: plot ? 'tile plotted' : 'tile' }, element('dt', {}, name), value)
  if (plot) tile.append(since, drawn.element)
  byId('tiles').append(tile)
  return () => {
    setText(value, write(state.totals))
    if (!plot) return
    setText(since, all(state.totals))
    drawn.draw([state.history[direction]])
  }
})
const views = VIEWS.map(({ table, rows }) => ({ ...createTable({ ...table, changed: render }), rows, id: table.id }))
byId('tables').append(...views.map(({ section }) => section))

function say (kind, words) {
  byId('state').dataset.state = kind
  document.body.dataset.state = kind
  setText(byId('state'), words)
}

function tell () {
  if (isPaused) say('paused', 'Paused at ' + clock(state.at || Date.now()))
  else if (lost !== '') say('lost', lost)
  else say('live', 'Live')
}

// At most once for each frame, and for each message.
function render () {
  if (isDue) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    if (state.totals === null) return
    setText(byId('gateway'), shown(state.gateway) + ', process ' + state.process + ', up ' + span(state.uptimeMs))
    for (const show of tiles) show()
    const filter = byId('filter').value
    for (const { id, section, update, rows } of views) {
      const all = rows(state)
      if (id === 'parents') section.hidden = all.length === 0
      update(all, filter, state)
    }
    summarize()
  })
}

function summarize () {
  const now = Date.now()
  if (now - summed < SUMMARY) return
  summed = now
  const { tunnels, requests, users, rateIn, rateOut, refusals } = state.totals
  const failing = state.parents.filter((row) => row.state === 'fails').length
  setText(byId('summary'), [
    counted(tunnels, 'tunnel', 'tunnels'), counted(requests, 'request', 'requests'), counted(users, 'user', 'users'),
    rate(rateIn + rateOut), refusals + ' refused', ...failing > 0 ? [counted(failing, 'parent proxy fails', 'parent proxies fail')] : []
  ].join(', '))
}

function hear (take) {
  return ({ data }) => {
    heard = Date.now()
    failures = 0
    take(state, JSON.parse(data))
    lost = ''
    tell()
    render()
  }
}

function listen () {
  clearTimeout(again)
  if (events !== null) events.close()
  heard = Date.now()
  events = new EventSource(location.pathname.replace(/\/$/, '') + '/events')
  events.addEventListener('snapshot', hear(takeSnapshot))
  events.addEventListener('change', hear(takeChange))
  events.onerror = lose
}

function lose () {
  // It tries again by itself unless it got a response of another kind.
  const isRefused = events.readyState === EventSource.CLOSED
  events.close()
  clearTimeout(again)
  again = setTimeout(listen, AGAIN[Math.min(failures, AGAIN.length - 1)])
  failures += 1
  lost = isRefused ? 'The gateway refuses the connection, trying again. To sign in, load the page anew.' : 'Connection lost, trying again.'
  if (state.at !== '') lost += ' Values of ' + clock(state.at)
  tell()
}

setInterval(() => {
  if (!isPaused && events.readyState !== EventSource.CLOSED && Date.now() - heard > SILENCE) lose()
}, 1000)

byId('filter').addEventListener('input', render)
byId('search').addEventListener('submit', (event) => event.preventDefault())
byId('pause').addEventListener('click', () => {
  isPaused = !isPaused
  byId('pause').setAttribute('aria-pressed', String(isPaused))
  if (!isPaused) return listen()
  events.close()
  clearTimeout(again)
  tell()
})
listen()
`
