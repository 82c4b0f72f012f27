import type { MessageWriter } from '../netlink/codec.ts'
import * as c from './constants.ts'
import { writeAddress } from './ip-address.ts'
import { type Resolver, writeLinkChange, writeLinkName, writeNewLink } from './link.ts'
import { writeFdbEntry, writeNeighbour } from './neighbour.ts'
import { writeRoute } from './route.ts'
import type { Change } from './types.ts'

const createFlags = {
  add: c.NLM_F_CREATE | c.NLM_F_EXCL,
  replace: c.NLM_F_CREATE | c.NLM_F_REPLACE,
  delete: 0,
  set: 0,
} as const

const messageTypes = {
  link: { make: c.RTM_NEWLINK, remove: c.RTM_DELLINK },
  address: { make: c.RTM_NEWADDR, remove: c.RTM_DELADDR },
  route: { make: c.RTM_NEWROUTE, remove: c.RTM_DELROUTE },
  neighbour: { make: c.RTM_NEWNEIGH, remove: c.RTM_DELNEIGH },
  fdb: { make: c.RTM_NEWNEIGH, remove: c.RTM_DELNEIGH },
} as const

/** One change as one message that asks for an acknowledgement. @throws KernelError EINVAL for nonsense, ENODEV; the writer is as it was then */
export function writeChange(writer: MessageWriter, change: Change, sequence: number, resolve: Resolver): void {
  const { make, remove } = messageTypes[change.object]
  const flags = c.NLM_F_REQUEST | c.NLM_F_ACK | createFlags[change.op]
  const start = writer.beginMessage(change.op === 'delete' ? remove : make, flags, sequence)
  try {
    writeBody(writer, change, resolve)
  } catch (error) {
    writer.position = start
    throw error
  }
  writer.endMessage(start)
}

function writeBody(writer: MessageWriter, change: Change, resolve: Resolver): void {
  switch (change.object) {
    case 'link':
      if (change.op === 'add') writeNewLink(writer, change.value, resolve)
      else if (change.op === 'set') writeLinkChange(writer, change.value, resolve)
      else writeLinkName(writer, change.value.name)
      return
    case 'address':
      return writeAddress(writer, change.op, change.value, resolve)
    case 'route':
      return writeRoute(writer, change.op, change.value, resolve)
    case 'neighbour':
      return writeNeighbour(writer, change.value, resolve)
    case 'fdb':
      return writeFdbEntry(writer, change.value, resolve)
  }
}
