import { parseServicePortKey } from '../../model/services.ts'
import type { Change, Effect, Subject } from '../../reconcile/types.ts'
import type { ServiceView } from '../view.ts'
import { type FlowSelector, forgetting } from './effects.ts'

const endpointKinds = new Set(['endpoints', 'sticky_ends'])

/**
 * UDP flows that may have to be forgotten after these changes of one Service port. An endpoint that only moved to another slot has not left; an address that newly
 * leads somewhere may have flows that are not translated, and one that was given up flows that still are. TCP ends by itself, and a refused packet leaves no flow behind.
 */
export function* effectsOf(changes: readonly Change[], view: ServiceView): Generator<Effect> {
  let left: Set<string> | undefined
  for (const { op, item } of changes) {
    const selector = op === 'add' && item.kind === 'nodeport_addrs' ? toNode(item.key) : selectorOf(item)
    if (selector !== undefined) yield forgetting(selector)
    if (op === 'delete' && endpointKinds.has(item.kind)) (left ??= new Set()).add(item.value)
  }
  if (left === undefined || !changes.some((change) => concernsUDP(change, view))) return
  for (const { op, item } of changes) if (op === 'add' && endpointKinds.has(item.kind)) left.delete(item.value)
  for (const at of left) yield forgetting({ select: 'from', protocol: 'udp', at })
}

const concernsUDP = ({ item, subject }: Change, view: ServiceView): boolean =>
  isUDP(item) || (subject !== undefined && servesUDP(view, subject))

const isUDP = ({ kind, key }: Change['item']): boolean =>
  (kind === 'services' && key.includes(' . udp . ')) || (kind === 'nodeports' && key.startsWith('udp . '))

/** Flows to a node port at an address that is new here go untranslated. Those to one that has left end with it. */
const toNode = (address: string): FlowSelector => ({ select: 'to-node', protocol: 'udp', at: address })

function selectorOf(item: Change['item']): FlowSelector | undefined {
  if (!isUDP(item)) return undefined
  if (item.kind === 'nodeports') {
    return { select: 'to-node-port', protocol: 'udp', at: item.key.slice('udp . '.length) }
  }
  return { select: 'to', protocol: 'udp', at: item.key.replace(' . udp . ', ' . ') }
}

const portOf = (view: ServiceView, subject: Subject) => {
  const id = parseServicePortKey(subject)
  return id && view.services.get(id.service)?.ports.find(({ name }) => name === id.portName)
}

const servesUDP = (view: ServiceView, subject: Subject): boolean => portOf(view, subject)?.protocol === 'UDP'
