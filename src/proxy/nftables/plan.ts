import type { Family } from '../../model/ip.ts'
import type { FoundItem, Item, LearntNumber, Part, Subject } from '../../reconcile/types.ts'
import { ViewInfrastructure } from '../infrastructure.ts'
import { nodeSubject, serviceCIDRSubject } from '../subjects.ts'
import type { ServiceView } from '../view.ts'
import { effectsOf } from './effects-of.ts'
import { setKinds } from './kinds.ts'
import { localNote } from './list-items.ts'
import { highestList, listOf } from './number.ts'
import { nodeKinds, planNode, planServiceCIDRs } from './plan-node.ts'
import { planServicePort } from './plan-service.ts'

export { allSubjects, nodeSubject, serviceCIDRSubject, subjectsOf } from '../subjects.ts'

/** The part's name for each family, as status and logs show it. */
export const partNames: Readonly<Record<Family, string>> = {
  IPv4: 'proxy/nftables-ipv4',
  IPv6: 'proxy/nftables-ipv6',
}

/** Services of one node and family as elements of the constant rule set's maps. */
export function nftablesPart(view: ServiceView, family: Family): Part {
  const context = { view, family, infrastructure: new ViewInfrastructure(view) }
  return {
    name: partNames[family],
    kinds: setKinds[family],
    plan: (subject, previous) => {
      if (subject === nodeSubject) return planNode(view, family)
      if (subject === serviceCIDRSubject) return planServiceCIDRs(view, family)
      return planServicePort(context, subject, previous)
    },
    learn,
    ownerOf,
    effectsOf: (changes) => effectsOf(changes, view),
  }
}

/** Elements without a comment name their list in the key, or belong to the node. */
function ownerOf({ kind, key }: Item, byNumber: ReadonlyMap<number, Subject>): Subject | undefined {
  if (kind === 'endpoints' || kind === 'sticky_slots') return byNumber.get(Number(key.slice(0, key.indexOf(' '))))
  if (kind === 'sticky_ends') return byNumber.get(listOf(key))
  if (kind === 'sticky_times') return byNumber.get(Number(key))
  if (kind === 'service_cidrs') return serviceCIDRSubject
  return nodeKinds.has(kind) ? nodeSubject : undefined
}

/** Owned elements name their Service port in the comment, and the list in the value, in the key, or in both. */
function learn(found: readonly FoundItem[]): LearntNumber[] {
  return found.flatMap((item): LearntNumber[] => {
    const { kind, subject } = item
    if (subject === undefined || !numbered.has(kind)) return []
    const number = listOf(kind === 'lb_sources' ? item.key.slice(0, item.key.indexOf(' ')) : item.value)
    if (kind !== 'local_lists')
      return [{ subject, name: item.note === localNote ? 'local' : 'cluster', number }].filter(isList)
    return [
      { subject, name: 'cluster', number: Number(item.key) },
      { subject, name: 'local', number },
    ].filter(isList)
  })
}

/** Kinds that have an owner in the comment, and a list in the value or the key. Sources are there although older Services have all addresses that lead to them. */
const numbered = new Set(['lists', 'local_lists', 'services', 'nodeports', 'lb_sources'])

/** An element whose number cannot be a list's is nobody's: drift. */
const isList = ({ number }: LearntNumber): boolean => number >= 1 && number <= highestList
