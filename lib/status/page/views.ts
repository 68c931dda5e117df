/** The part of the page's script that says which tables there are, and what is in them. */
export const VIEWS = String.raw`
function text (id, label, of, more = {}) {
  return { id, label, value: (row) => String(of(row)).toLowerCase(), make: textCell(of), kind: 'text', ...more }
}

function number (id, label, of, write, more = {}) {
  return { id, label, value: of, make: textCell((row, state) => write(of(row, state))), kind: 'number', descends: true, ...more }
}

function rateOf (row) {
  return row.rateIn + row.rateOut
}

// The rates each way with their last minute.
function rateCell () {
  const plot = createPlot(['in', 'out'])
  const [sent, received] = ['sent', 'received'].map((words) => element('span', { class: words }, element('span', { class: 'unseen' }, words + ' '), ' '))
  return {
    element: element('span', { class: 'rate' }, plot.element, sent, received),
    update (row) {
      plot.draw(row.history)
      setText(sent.lastChild, rate(row.rateIn))
      setText(received.lastChild, rate(row.rateOut))
    }
  }
}

// A bar for each quota, with the same in words.
function quotaCell () {
  const box = element('span', { class: 'quotas' })
  return {
    element: box,
    update (row) {
      while (box.children.length > row.quotas.length) box.lastChild.remove()
      while (box.children.length < row.quotas.length) box.append(element('span', {}, element('meter', { min: '0' }), element('small', {})))
      row.quotas.forEach(({ limit, octets: all, left, renews }, index) => {
        const [bar, words] = box.children[index].children
        const said = octets(left) + ' of ' + octets(all) + ' left'
        Object.assign(bar, { max: all || 1, low: all / 10, high: all / 3, optimum: all, value: left })
        bar.setAttribute('aria-label', 'Quota ' + shown(limit) + ': ' + said)
        setText(words, said)
        words.title = shown(limit) + ', anew ' + moment(renews)
      })
    }
  }
}

function timeCell () {
  const node = element('time', {})
  return {
    element: node,
    update (row) {
      node.dateTime = row.at
      setText(node, clock(row.at))
    }
  }
}

// A word that stands out, and by more than its colour.
function badgeCell (of, kindOf) {
  return () => {
    const node = element('span', { class: 'badge' })
    return {
      element: node,
      update (row) {
        setText(node, of(row))
        node.dataset.kind = kindOf(row)
      }
    }
  }
}

const FORMS = { connect: 'CONNECT', http: 'HTTP', https: 'HTTPS', websocket: 'WebSocket', reverse: 'Reverse' }
const NO_NAME = '(no name)'
const TUNNELS = ['connect', 'websocket']

const formOf = (row) => TUNNELS.includes(row.form) ? FORMS[row.form] : FORMS[row.form] + ' ' + row.method
const named = (user) => user === null ? NO_NAME : user
const wayOf = (row) => row.parent !== null ? 'by ' + row.parent : row.address !== null ? row.address : row.opened ? '' : 'opening'
const ageOf = (row, state) => state.uptimeMs - row.began
const wordsOf = (...values) => values.filter((value) => value !== null).join('\n').toLowerCase()

const VIEWS = [
  {
    table: {
      id: 'users',
      title: 'Users',
      caption: 'Users who are or were connected, with what they have open and have moved',
      sort: 'rate',
      first: 10,
      empty: 'No user has come yet.',
      columns: [
        text('user', 'User', (row) => named(row.user), { kind: 'name' }),
        number('tunnels', 'Tunnels', (row) => row.tunnels, String),
        number('requests', 'Requests', (row) => row.requests, String),
        number('in', 'Sent', (row) => row.bytesIn, octets),
        number('out', 'Received', (row) => row.bytesOut, octets),
        { id: 'rate', label: 'Rate', value: rateOf, make: rateCell, kind: 'number plotted', descends: true },
        number('denials', 'Denied', (row) => row.denials, String),
        { id: 'quota', label: 'Quota left', value: (row) => Math.min(Infinity, ...row.quotas.map(({ left }) => left)), make: quotaCell, kind: 'quota', needs: ({ quotas }) => quotas.length > 0 }
      ]
    },
    rows: (state) => Array.from(state.users.values(), (row) => Object.assign(row, { key: row.user, words: wordsOf(named(row.user)) }))
  },
  {
    table: {
      id: 'refusals',
      title: 'Refused lately',
      caption: 'Requests that were refused, denied or limited, and why',
      sort: 'time',
      first: 10,
      empty: 'Nothing has been refused.',
      columns: [
        { id: 'time', label: 'Time', value: (row) => row.serial, make: timeCell, kind: 'time', descends: true },
        {
          id: 'kind',
          label: 'What',
          value: (row) => row.kind,
          make: badgeCell((row) => row.kind + (row.status === null ? '' : ' ' + row.status), (row) => row.kind),
          kind: 'badged'
        },
        text('user', 'User', (row) => row.user === null ? '' : row.kind === 'refused' ? row.user + ' (claimed)' : row.user, { kind: 'name' }),
        text('target', 'Target', (row) => row.target === null ? '' : row.target, { kind: 'target' }),
        text('reason', 'Reason', (row) => row.reason + (row.by === null ? '' : ' (' + row.by + ')'), { kind: 'reason' }),
        text('client', 'Client', (row) => row.client === null ? '' : row.client, { kind: 'address' })
      ]
    },
    rows: (state) => state.refusals.map((row) => Object.assign(row, {
      key: row.serial, words: row.words || wordsOf(row.kind, row.user, row.target, row.reason, row.by, row.client, row.id)
    }))
  },
  {
    table: {
      id: 'parents',
      title: 'Parent proxies',
      caption: 'Parent proxies, whether they work, and what goes through them',
      sort: 'state',
      first: 10,
      empty: 'There are none.',
      columns: [
        text('parent', 'Parent', (row) => row.parent, { kind: 'name' }),
        { id: 'state', label: 'State', value: (row) => row.state, make: badgeCell((row) => row.state, (row) => row.state), kind: 'badged' },
        number('since', 'For', (row) => row.failingMs === null ? 0 : row.failingMs, (ms) => ms === 0 ? '' : span(ms)),
        text('error', 'Error', (row) => row.error === null ? '' : row.error, { kind: 'reason' }),
        number('open', 'Open', (row) => row.open, String),
        number('rate', 'Rate', (row) => row.rate, rate)
      ]
    },
    rows: (state) => {
      const rows = new Map(state.parents.map((row) => [row.parent, { ...row, key: row.parent, words: wordsOf(row.parent, row.state, row.error), open: 0, rate: 0 }]))
      for (const exchange of state.exchanges.values()) {
        const row = rows.get(exchange.parent)
        if (row) Object.assign(row, { open: row.open + 1, rate: row.rate + rateOf(exchange) })
      }
      return [...rows.values()]
    }
  },
  {
    table: {
      id: 'exchanges',
      title: 'Open now',
      caption: 'Tunnels and requests that are open',
      sort: 'age',
      first: 50,
      empty: 'Nothing is open.',
      columns: [
        text('user', 'User', (row) => named(row.user), { kind: 'name' }),
        text('form', 'Form', formOf, { kind: 'word' }),
        text('target', 'Target', (row) => row.target + (row.path === null ? '' : ' ' + row.path), { kind: 'target' }),
        text('way', 'Way', wayOf, { kind: 'address' }),
        text('rule', 'Rule', (row) => row.rule === null ? '' : row.rule, { kind: 'rule', needs: ({ rule }) => rule !== null }),
        text('client', 'Client', (row) => row.client === null ? '' : row.client, { kind: 'address' }),
        { id: 'age', label: 'Age', value: (row) => -row.began, make: textCell((row, state) => span(ageOf(row, state))), kind: 'number' },
        number('in', 'Sent', (row) => row.bytesIn, octets),
        number('out', 'Received', (row) => row.bytesOut, octets),
        { id: 'rate', label: 'Rate', value: rateOf, make: rateCell, kind: 'number plotted', descends: true },
        text('id', 'Id', (row) => row.id, { kind: 'id' })
      ]
    },
    rows: (state) => Array.from(state.exchanges.values(), (row) => Object.assign(row, {
      words: row.words || wordsOf(named(row.user), FORMS[row.form], row.method, row.target, row.path, row.parent, row.address, row.rule, row.client, row.id)
    }))
  }
]
`
