// The origin of transfers.
import type { AddressInfo } from 'node:net'
import { measured } from '../measured.js'
import { createContentServer } from '../transfers.js'

const server = createContentServer()
server.listen(0, '127.0.0.1', () => measured((server.address() as AddressInfo).port))
