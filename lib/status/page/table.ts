/** The part of the page's script that makes tables: sorted, filtered, not all rows of very many. */
export const TABLE = String.raw`
function element (name, attributes, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

// Leaves what is as it should be, so that a selection in it stays.
function setText (node, text) {
  if (node.textContent !== text) node.textContent = text
}

// Text alone.
function textCell (textOf) {
  return () => {
    const node = element('span', { dir: 'auto' })
    return { element: node, update: (row, state) => setText(node, shown(String(textOf(row, state)))) }
  }
}

function compare (one, other) {
  if (typeof one === 'number') return one - other
  return one < other ? -1 : one > other ? 1 : 0
}

// The rows that have all words of the filter, in their order.
function chosen (rows, filter, column, descends) {
  const words = filter.toLowerCase().split(/\s+/).filter((word) => word !== '')
  const found = words.length === 0 ? [...rows] : rows.filter((row) => words.every((word) => row.words.includes(word)))
  const values = new Map(found.map((row) => [row, column.value(row)]))
  return found.sort((one, other) => compare(values.get(one), values.get(other)) * (descends ? -1 : 1))
}

// A section with a table. Each column has id, label, value (to sort by) and make (a cell). One with needs is only there
// where a row needs it.
// Calls changed where the rows are to be shown anew.
function createTable ({ id, title, caption, columns, sort, first, empty, changed }) {
  let column = columns.find((each) => each.id === sort)
  let descends = column.descends === true
  let limit = first
  const rendered = new Map()
  // Rows that were shown and are not, to be used again: to make one takes longest.
  const spare = []

  const count = element('span', { class: 'count' })
  const body = element('tbody', { role: 'rowgroup' })
  const heads = columns.map((each) => {
    const button = element('button', { type: 'button' }, each.label)
    const head = element('th', { scope: 'col', role: 'columnheader', class: each.kind }, button)
    button.addEventListener('click', () => {
      descends = column === each ? !descends : each.descends === true
      column = each
      changed()
    })
    return head
  })
  const table = element('table', { role: 'table', 'aria-describedby': id + '-empty' },
    element('caption', { class: 'unseen' }, caption),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)),
    body)
  const nothing = element('p', { id: id + '-empty', class: 'empty' })
  const more = element('button', { type: 'button', class: 'more' })
  more.addEventListener('click', () => {
    limit += 200
    changed()
  })
  const section = element('section', { 'aria-labelledby': id, class: 'list' },
    element('h2', { id, tabindex: '-1' }, title + ' ', count), element('div', { class: 'wide' }, table), nothing, more)

  function rowFor (key) {
    const row = spare.pop() || createRow()
    rendered.set(key, row)
    return row
  }

  function createRow () {
    const cells = columns.map((each) => each.make())
    const tr = element('tr', { role: 'row' }, ...cells.map((cell, index) => {
      const { kind, label } = columns[index]
      return element('td', { role: 'cell', class: kind, 'data-label': label }, cell.element)
    }))
    return { tr, cells, tds: [...tr.children] }
  }

  // Sets the rows, of which each has key and words.
  function update (rows, filter, state) {
    const found = chosen(rows, filter, column, descends)
    const seen = found.slice(0, limit)
    const keys = new Set(seen.map((row) => row.key))
    for (const [key, row] of rendered) {
      if (keys.has(key)) continue
      rendered.delete(key)
      spare.push(row)
    }
    const isHidden = columns.map(({ needs }) => needs !== undefined && !rows.some(needs))
    let next = body.firstChild
    for (const row of seen) {
      const { tr, cells, tds } = rendered.get(row.key) || rowFor(row.key)
      cells.forEach((cell, at) => {
        cell.update(row, state)
        if (tds[at].hidden !== isHidden[at]) tds[at].hidden = isHidden[at]
      })
      if (next === tr) next = tr.nextSibling
      else body.insertBefore(tr, next)
    }
    for (const { tr } of spare) tr.remove()
    heads.forEach((head, index) => {
      head.hidden = isHidden[index]
      if (columns[index] === column) head.setAttribute('aria-sort', descends ? 'descending' : 'ascending')
      else head.removeAttribute('aria-sort')
    })
    setText(count, filter.trim() === '' ? String(rows.length) : found.length + ' of ' + rows.length)
    setText(nothing, seen.length > 0 ? '' : rows.length > 0 ? 'Nothing here fits the filter.' : empty)
    table.hidden = seen.length === 0
    more.hidden = found.length <= seen.length
    setText(more, 'Show more (' + (found.length - seen.length) + ' left)')
  }

  return { section, update }
}
`
