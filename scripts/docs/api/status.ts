/**
 * The status page: its options, and what its `snapshot.json` has. [The status page](../../guide/status-page.md) is the guide.
 *
 * @module
 */
export type {
  StatusExchange, StatusHook, StatusListenOptions, StatusOptions, StatusParent, StatusQuota, StatusRefusal, StatusSnapshot, StatusTotals, StatusUser
} from '../../../lib/index.js'
