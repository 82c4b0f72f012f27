import { parseFieldSelector } from './field-selectors.ts'
import { type LabelSelector, matchesLabels, parseLabelSelector } from './label-selectors.ts'
import type { ResourceRequest } from './request.ts'
import type { KubeObject } from './types.ts'

/** What a request's selectors let through. */
export interface Selection {
  labels: LabelSelector
  selects: (object: KubeObject) => boolean
}

/** @throws StatusError 400 */
export function selection({ kind, name, query }: ResourceRequest): Selection {
  const labels = parseLabelSelector(query.get('labelSelector'))
  const fields = parseFieldSelector(kind, query.get('fieldSelector'))
  return {
    labels,
    selects: (object) =>
      (name === undefined || object.metadata.name === name) &&
      matchesLabels(labels, object.metadata.labels) &&
      fields.every((matches) => matches(object)),
  }
}
