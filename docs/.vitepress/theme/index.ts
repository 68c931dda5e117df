// The default theme with the fonts of the reader's system. The styles come after its own.
export { default } from 'vitepress/theme-without-fonts'
import './style.css'
