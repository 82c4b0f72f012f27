import type { ApiClient } from '../../kube/client.ts'
import { isNotFound, isRecreated } from '../../kube/errors.ts'
import { resourcePath } from '../../kube/paths.ts'
import type { Node as ApiNode } from '../../kube/types.ts'
import type { Change, FoundItem, ItemFailure, Target } from '../../reconcile/types.ts'
import { keyOf, podCIDRsKind } from './plan.ts'
import type { PodCIDRView, RangedNode } from './view.ts'

/** As many as kube-controller-manager writes at once (cidrUpdateWorkers). */
const writesAtOnce = 30

/**
 * spec.podCIDRs of Nodes, through the API. What is there is what the view shows, and what was written and is on its way to it. Each change succeeds or
 * fails by itself: a Node that somebody else has given a CIDR meanwhile refuses ours, the view shows theirs, and that is planned from then on.
 */
export class NodePodCIDRs implements Target {
  readonly transactional = false
  readonly #view: PodCIDRView
  readonly #client: Pick<ApiClient, 'patch'>
  readonly #signal: AbortSignal
  /** Accepted by the API, and not seen in the view yet. */
  readonly #written = new Map<string, FoundItem>()

  /** @param signal ends all writes: whoever no longer leads must not write. */
  constructor(view: PodCIDRView, client: Pick<ApiClient, 'patch'>, signal: AbortSignal) {
    this.#view = view
    this.#client = client
    this.#signal = signal
  }

  async prepare(): Promise<'kept'> {
    return 'kept'
  }

  async *read(): AsyncGenerator<FoundItem[]> {
    const items: FoundItem[] = []
    for (const node of this.#view.nodes.values()) {
      const item = node.podCIDRs.length > 0 ? shown(node) : this.#written.get(keyOf(node))
      if (node.podCIDRs.length > 0) this.#written.delete(keyOf(node))
      if (item !== undefined) items.push(item)
    }
    yield items
  }

  async apply(changes: readonly Change[]): Promise<ItemFailure[]> {
    const failures: ItemFailure[] = []
    const queue = changes.values()
    const work = async (): Promise<void> => {
      for (const change of queue) {
        const message = await this.#change(change)
        if (message !== undefined) failures.push({ change, message })
      }
    }
    await Promise.all(Array.from({ length: Math.min(writesAtOnce, changes.length) }, work))
    return failures
  }

  async finish(): Promise<void> {}

  /** The view's own changes tell, earlier than this could. */
  touchedByOthers(): boolean {
    return false
  }

  /** Says why not. A removal is done when it is planned: a pod CIDR goes with its Node, and never before. */
  async #change({ op, item, subject = '' }: Change): Promise<string | undefined> {
    if (op === 'delete') return void this.#written.delete(item.key)
    const node = this.#view.nodes.get(subject)
    if (node === undefined || keyOf(node) !== item.key) return undefined
    const podCIDRs = item.value.split(',')
    if (node.podCIDRs.length > 0) {
      return node.podCIDRs.join() === item.value ? undefined : `it has ${node.podCIDRs.join(',')} already`
    }
    try {
      await this.#patch(node, podCIDRs)
      this.#written.set(item.key, { ...shown(node), value: item.value })
      return undefined
    } catch (error) {
      if (isNotFound(error) || isRecreated(error)) return undefined
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** The uid keeps it from a Node that was registered anew; the API itself keeps a CIDR that is there from being changed. */
  #patch({ name, uid }: RangedNode, podCIDRs: readonly string[]): Promise<ApiNode> {
    const path = resourcePath({ version: 'v1', resource: 'nodes', name })
    const body = { metadata: { uid }, spec: { podCIDR: podCIDRs[0], podCIDRs } }
    return this.#client.patch<ApiNode>(
      path,
      body,
      'merge',
      { fieldManager: 'weft-controller' },
      { signal: this.#signal },
    )
  }
}

const shown = (node: RangedNode): FoundItem => ({
  kind: podCIDRsKind,
  key: keyOf(node),
  value: node.podCIDRs.join(','),
  subject: node.name,
})
