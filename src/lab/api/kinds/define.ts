import { type Json, mapOf, textOf } from '../access.ts'
import { plainColumns } from '../columns.ts'
import type { Kind } from '../kind.ts'
import { dnsSubdomainErrors } from '../names.ts'

/** What a row of the table has to say; the rest has a usual value. */
export type Named = Pick<Kind, 'kind' | 'plural'> & Partial<Kind>

const base: Omit<Kind, 'kind' | 'plural' | 'singular' | 'resource'> = {
  group: '',
  version: 'v1',
  shortNames: [],
  categories: [],
  namespaced: true,
  nameErrors: dnsSubdomainErrors,
  statusSubresource: false,
  // The real strategies of status take the spec of the object that is there, and the rest as it comes.
  statusMetadata: ['labels', 'annotations', 'finalizers', 'ownerReferences'],
  scaleSubresource: false,
  generation: false,
  createOnUpdate: false,
  needsVersion: false,
  deleteReturnsObject: false,
  deleteCollection: true,
  elsewhere: [],
  fieldSelectors: {},
  keepEmpty: new Set<string>(),
  columns: plainColumns,
}

/** A row of the table of kinds. */
export const kind = (named: Named): Kind => ({
  ...base,
  singular: named.kind.toLowerCase(),
  resource: named.view?.stored ?? named.plural,
  ...named,
})

/** Reads a text field, for field selectors. */
export const at =
  (...path: string[]) =>
  (object: Json): string => {
    const value = path.reduce<unknown>((inner, field) => mapOf(inner)[field], object)
    return textOf(value)
  }
