/**
 * The classes of errors. [Errors](../errors.md) has their codes and statuses in a table.
 *
 * @module
 */
export * from '../../../lib/errors.js'
