/** The part of the page's script that draws rates. */
export const PLOT = String.raw`
const SVG = 'http://www.w3.org/2000/svg'
const PLOT_WIDTH = HISTORY - 1
const PLOT_HEIGHT = 20

// A line for each of some colours. What it shows stands beside it as text, so it is nothing to read out.
function createPlot (names) {
  const plot = document.createElementNS(SVG, 'svg')
  plot.setAttribute('viewBox', '0 -1 ' + PLOT_WIDTH + ' ' + (PLOT_HEIGHT + 2))
  plot.setAttribute('preserveAspectRatio', 'none')
  plot.setAttribute('aria-hidden', 'true')
  plot.setAttribute('class', 'plot')
  const lines = names.map((name) => {
    const line = plot.appendChild(document.createElementNS(SVG, 'path'))
    line.setAttribute('class', name)
    return line
  })
  return {
    element: plot,
    draw (histories) {
      const most = Math.max(1, ...histories.flat())
      histories.forEach((history, index) => lines[index].setAttribute('d', pathOf(history, most)))
    }
  }
}

// The latest value is at the right end.
function pathOf (history, most) {
  const from = HISTORY - history.length
  return history.map((value, index) => (index === 0 ? 'M' : 'L') + (from + index) + ' ' + (PLOT_HEIGHT * (1 - value / most)).toFixed(1)).join('')
}
`
