/** The style of the page: light and dark, from the width of a phone on. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --panel: #ffffff; --ink: #1b2027; --dim: #565f6b; --line: #dde1e6; --hover: #f4f6f9;
  --in: #0b6e5f; --out: #1f5cb8; --good: #146c33; --bad: #b3261e; --warn: #8a5300; --focus: #1f5cb8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101419; --panel: #181d24; --ink: #e4e8ee; --dim: #a0a9b6; --line: #2c343f; --hover: #1f262f;
    --in: #58c7b3; --out: #82b1f7; --good: #6cd58a; --bad: #ff9a8d; --warn: #e8b464; --focus: #82b1f7;
  }
}
* { box-sizing: border-box }
[hidden] { display: none !important }
body { background: var(--ground); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 150rem; padding: 0 1.25rem 3rem }
h1, h2, p, dl, dd { margin: 0 }
h1 { font-size: 1.25rem; font-weight: 650 }
h2 { font-size: 1rem; font-weight: 650 }
h2:focus { outline: none }
.count { color: var(--dim); font-weight: 400 }
.unseen { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; white-space: nowrap; width: 1px }
.skip { background: var(--panel); left: 1rem; padding: .5rem 1rem; position: absolute; top: -4rem; z-index: 1 }
.skip:focus { top: .5rem }
a { color: var(--out) }
button, input { background: var(--panel); border: 1px solid var(--line); border-radius: .375rem; color: inherit; font: inherit; padding: .3rem .75rem }
button { cursor: pointer }
button:hover { background: var(--hover) }
button[aria-pressed="true"] { background: var(--ink); border-color: var(--ink); color: var(--panel) }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px }

header { align-items: baseline; display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 1.1rem 0 .9rem }
#gateway { color: var(--dim); overflow-wrap: anywhere }
#state { margin-inline-start: auto }
#state::before { background: currentColor; border-radius: 50%; content: ""; display: inline-block; height: .55rem; margin-inline-end: .45rem; width: .55rem }
#state[data-state="live"] { color: var(--good) }
#state[data-state="lost"] { color: var(--bad); font-weight: 600 }
#state[data-state="paused"], #state[data-state="waiting"] { color: var(--warn) }
body[data-state="lost"] main { filter: grayscale(1) }

#tiles { display: grid; gap: .75rem; grid-template-columns: repeat(4, minmax(6rem, 1fr)) repeat(2, minmax(14rem, 3fr)) }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .85rem; position: relative }
.tile dt, .tile .since { color: var(--dim); font-size: .8125rem }
.tile dd:not(.since) { font-size: 1.5rem; font-variant-numeric: tabular-nums; font-weight: 600; line-height: 1.3 }
.tile.plotted { padding-inline-end: 50% }
.tile .plot { height: calc(100% - 1.2rem); inset-block-start: .6rem; inset-inline-end: .85rem; position: absolute; width: calc(50% - 1.2rem) }
.plot { display: block; overflow: visible }
.plot path { fill: none; stroke: var(--out); stroke-linejoin: round; stroke-width: 1.5px; vector-effect: non-scaling-stroke }
.plot .in { stroke: var(--in) }

#search { align-items: center; display: flex; gap: .6rem; margin: 1rem 0 }
#search input { flex: 0 1 24rem; min-width: 0 }
#search input::placeholder { color: var(--dim); opacity: 1 }
#tables { align-items: start; display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) }
.list { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; min-width: 0; padding: .8rem .85rem }
.empty { color: var(--dim); padding-block-start: .4rem }
.empty:empty { display: none }
.more { margin-block-start: .6rem }

table { border-collapse: collapse; margin-block-start: .4rem; width: 100% }
th, td { border-block-end: 1px solid var(--line); padding: .3rem .5rem; text-align: start; vertical-align: top }
th:first-child, td:first-child { padding-inline-start: 0 }
th:last-child, td:last-child { padding-inline-end: 0 }
tbody tr:last-child td { border-block-end: 0 }
tbody tr:hover { background: var(--hover) }
td { overflow-wrap: anywhere }
th button { background: none; border: 0; border-radius: .2rem; color: var(--dim); font-size: .8125rem; padding: 0; white-space: nowrap }
th button:hover { color: var(--ink) }
th[aria-sort] button { color: var(--ink); font-weight: 600 }
th[aria-sort="ascending"] button::after { content: " ↑" }
th[aria-sort="descending"] button::after { content: " ↓" }
.number { font-variant-numeric: tabular-nums; overflow-wrap: normal; text-align: end; white-space: nowrap }
.time { font-variant-numeric: tabular-nums; white-space: nowrap }
td.name { font-weight: 550; min-width: 12ch }
.word { white-space: nowrap }
td.address { font-variant-numeric: tabular-nums; min-width: 12.5ch }
td.rule { min-width: 8ch }
.wide { overflow-x: auto }
td.target { min-width: 20ch }
td.reason { min-width: 24ch }
td.id { color: var(--dim); font-size: .8125rem; min-width: 8ch }
.rate { align-items: center; display: inline-flex; gap: .5rem; justify-content: flex-end }
.rate .plot { height: 1.1rem; width: 3.75rem }
.rate > span { min-width: 5.5rem }
.sent::before { color: var(--in); content: "↑ " }
.received::before { color: var(--out); content: "↓ " }
.quotas > span { align-items: center; display: flex; flex-wrap: wrap; gap: 0 .5rem }
.quotas meter { height: 1rem; width: 6rem }
.quotas small { color: var(--dim); font-size: .8125rem }
.badge { border: 1px solid currentColor; border-radius: .25rem; display: inline-block; font-size: .75rem; line-height: 1.3; padding: 0 .35rem; white-space: nowrap }
.badge[data-kind="works"] { color: var(--good) }
.badge[data-kind="fails"], .badge[data-kind="denied"] { color: var(--bad) }
.badge[data-kind="refused"], .badge[data-kind="limited"] { color: var(--warn) }

@media (min-width: 110rem) {
  #tables { grid-template-columns: repeat(2, minmax(0, 1fr)) }
  #tables > :nth-child(n + 3) { grid-column: 1 / -1 }
}
@media (min-width: 64.01rem) and (max-width: 100rem) {
  .rate { column-gap: .5rem; display: inline-grid; font-size: .8125rem; grid-template-columns: auto 5rem; line-height: 1.25; row-gap: 0 }
  .rate > span { min-width: 0 }
  .rate .plot { grid-row: span 2; height: 1.7rem }
}
@media (max-width: 64rem) {
  #tiles { grid-template-columns: repeat(4, minmax(0, 1fr)) }
  .tile.plotted { grid-column: span 2 }
  table, thead, tbody, tr, td { display: block }
  thead tr { display: flex; flex-wrap: wrap; gap: .1rem .9rem }
  th { border: 0; padding: .15rem 0 }
  th button { padding: .25rem 0 }
  tbody tr { border-block-start: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: .05rem .9rem; padding: .5rem 0 }
  tbody tr td[class] { border: 0; min-width: 0; padding: 0; text-align: start }
  td.number { white-space: normal }
  td::before { color: var(--dim); content: attr(data-label) " "; font-size: .8125rem; font-weight: 400 }
  td.target, td.reason, td.quota { flex-basis: 100% }
  td.name::before, td.word::before, td.badged::before, td.target::before, td.reason::before, td.quota::before, td.time::before { content: none }
  td:has(> span:empty) { display: none }
  .rate { display: inline }
  .rate > span { display: inline-block; min-width: 0; margin-inline-end: .5rem }
  .rate .plot { display: inline-block; margin-inline-end: .4rem; vertical-align: text-bottom }
}
@media (max-width: 45rem) {
  body { padding-inline: .75rem }
  #gateway { flex-basis: 100%; order: 1 }
  #tiles { gap: .5rem }
  .tile { padding: .5rem .6rem }
  .tile.plotted { grid-column: 1 / -1 }
  .tile dd:not(.since) { font-size: 1.25rem }
}
@media (prefers-reduced-motion: no-preference) {
  .list tbody tr, button { transition: background-color .12s }
}
@media (forced-colors: active) {
  .plot path { stroke: CanvasText }
}
`
