import { parseServicePortKey } from '../../model/services.ts'
import type { Change, Effect, Subject } from '../../reconcile/types.ts'
import type { ServiceView } from '../view.ts'
import { type FlowSelector, flowKey, forgetFlows } from './effects.ts'

const endpointKinds = new Set(['endpoints', 'sticky_ends'])

/**
 * UDP flows that may have to be forgotten after these changes of one Service port. An endpoint that only moved to another slot has not left; an address that newly
 * leads somewhere may have flows that are not translated, and one that was given up flows that still are. TCP ends by itself, and a refused packet leaves no flow behind.
 */
export function* effectsOf(changes: readonly Change[], view: ServiceView): Generator<Effect> {
  const left = new Set<string>()
  const stays = new Set<string>()
  let udp = false
  for (const { op, item, subject } of changes) {
    if (endpointKinds.has(item.kind)) (op === 'delete' ? left : stays).add(item.value)
    const selector = selectorOf(item)
    if (selector !== undefined) yield effect(selector)
    udp ||= isUDP(item) || (subject !== undefined && servesUDP(view, subject))
  }
  if (!udp) return
  for (const at of left) if (!stays.has(at)) yield effect({ select: 'from', protocol: 'udp', at })
}

const effect = (selector: FlowSelector): Effect => ({ kind: forgetFlows, key: flowKey(selector) })

const isUDP = ({ kind, key }: Change['item']): boolean =>
  (kind === 'services' && key.includes(' . udp . ')) || (kind === 'nodeports' && key.startsWith('udp . '))

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
