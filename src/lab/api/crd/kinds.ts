import { hasCondition, isMap, type Json, listOf, mapOf, textOf } from '../access.ts'
import type { FieldError } from '../field-errors.ts'
import type { Kind } from '../kind.ts'
import { kind } from '../kinds/define.ts'
import { forbidden } from '../status.ts'
import { customColumns } from './columns.ts'
import type { CustomKind, ScalePaths } from './custom-kind.ts'
import { applyDefaults } from './default.ts'
import { followPath, parseJsonPath } from './json-path.ts'
import { pruneUnknown } from './prune.ts'
import { additional, type Schema } from './schema.ts'
import { objectErrors } from './validate.ts'

/** What a definition has served: a kind for each version, the storage version first; nothing before its names are accepted. */
export function kindsOf(definition: Json): Kind[] {
  if (!hasCondition(definition, 'Established')) return []
  const versions = listOf(mapOf(definition['spec'])['versions'])
  const schemas = new Map(versions.map((version) => [textOf(version['name']), schemaOf(version)]))
  const storage = versions.find((version) => version['storage'] === true)
  if (storage === undefined) return []
  const stored = storedKind(definition, storage, schemas)
  const others = versions.filter((version) => version !== storage && version['served'] === true)
  return [stored, ...others.map((version) => otherVersion(definition, version, stored))]
}

const schemaOf = (version: Json): Schema => (mapOf(version['schema'])['openAPIV3Schema'] ?? {}) as Schema

function scaleOf(version: Json): ScalePaths | undefined {
  const scale = mapOf(version['subresources'])['scale']
  return isMap(scale) ? (scale as unknown as ScalePaths) : undefined
}

function customOf(definition: Json, version: Json): CustomKind {
  const { spec, metadata } = definition
  const names = mapOf(mapOf(definition['status'])['acceptedNames'])
  const apiVersion = `${textOf(mapOf(spec)['group'])}/${textOf(version['name'])}`
  return {
    definition: textOf(mapOf(metadata)['name']),
    listKind: textOf(names['listKind']) || `${textOf(names['kind'])}List`,
    schema: schemaOf(version),
    scale: scaleOf(version),
    shown: shownAs(apiVersion, schemaOf(version)),
    terminating: mapOf(metadata)['deletionTimestamp'] !== undefined,
    served: version['served'] === true,
    deprecation:
      version['deprecated'] === true
        ? textOf(version['deprecationWarning']) || `${apiVersion} ${textOf(names['kind'])} is deprecated`
        : undefined,
  }
}

const withDefaults = new WeakMap<Schema, boolean>()

/** Whether there is a default anywhere in a schema. */
function hasDefaults(schema: Schema): boolean {
  const known = withDefaults.get(schema)
  if (known !== undefined) return known
  const parts = [...Object.values(schema.properties ?? {}), schema.items, additional(schema)]
  const found = schema.default !== undefined || parts.some((part) => part !== undefined && hasDefaults(part))
  withDefaults.set(schema, found)
  return found
}

const shownAs =
  (apiVersion: string, schema: Schema) =>
  (object: Json): Json => {
    if (!hasDefaults(schema)) return object['apiVersion'] === apiVersion ? object : { ...object, apiVersion }
    const shown = { ...structuredClone(object), apiVersion }
    applyDefaults(shown, schema)
    return shown
  }

/** What all versions have in common, and what one has of its own. */
function base(definition: Json, version: Json): Kind {
  const spec = mapOf(definition['spec'])
  const names = mapOf(mapOf(definition['status'])['acceptedNames'])
  const custom = customOf(definition, version)
  return kind({
    group: textOf(spec['group']),
    version: textOf(version['name']),
    kind: textOf(names['kind']),
    plural: textOf(names['plural']),
    singular: textOf(names['singular']),
    shortNames: names['shortNames'] ?? [],
    categories: names['categories'] ?? [],
    resource: custom.definition,
    namespaced: spec['scope'] === 'Namespaced',
    statusSubresource: isMap(mapOf(version['subresources'])['status']),
    statusMetadata: [],
    scaleSubresource: custom.scale !== undefined,
    generation: true,
    needsVersion: true,
    fieldSelectors: selectorsOf(version),
    columns: customColumns(version),
    ...(custom.deprecation === undefined ? {} : { deprecation: custom.deprecation }),
    custom,
  })
}

function selectorsOf(version: Json): Kind['fieldSelectors'] {
  return Object.fromEntries(
    listOf(version['selectableFields']).map(({ jsonPath }) => {
      const steps = parseJsonPath(textOf(jsonPath)) ?? []
      const read = (object: Json): string => {
        const [value] = followPath(object, steps)
        return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)
      }
      return [textOf(jsonPath).replace(/^\./, ''), read]
    }),
  )
}

const terminating = 'create not allowed while custom resource definition is terminating'

/** An object comes in the version that its request names: that version's schema is the one that counts. */
function storedKind(definition: Json, version: Json, schemas: ReadonlyMap<string, Schema>): Kind {
  const own = base(definition, version)
  const schemaFor = (object: Json): Schema =>
    schemas.get(textOf(object['apiVersion']).split('/').at(-1) ?? '') ?? schemaOf(version)
  const errors = (object: Json): FieldError[] => objectErrors(object, schemaFor(object))
  return {
    ...own,
    admit: (object) => {
      if (own.custom?.terminating === true) throw forbidden(own, textOf(mapOf(object['metadata'])['name']), terminating)
    },
    defaults: (object) => {
      const schema = schemaFor(object)
      pruneUnknown(object, schema)
      applyDefaults(object, schema)
    },
    ...(own.statusSubresource ? { initialStatus: () => undefined } : {}),
    statusDefaults: (object) => {
      const schema = schemaFor(object)
      pruneUnknown(object, schema)
      applyDefaults(object, schema)
    },
    validate: errors,
    validateStatus: errors,
  }
}

/** Conversion `None`: only apiVersion changes; what the other version's schema does not know is not shown. */
function otherVersion(definition: Json, version: Json, stored: Kind): Kind {
  const own = base(definition, version)
  const apiVersion = `${own.group}/${own.version}`
  return {
    ...own,
    view: {
      stored: stored.resource,
      fromStored: (object) => {
        const shown = { ...structuredClone(object), apiVersion }
        pruneUnknown(shown, schemaOf(version))
        applyDefaults(shown, schemaOf(version))
        return shown
      },
      toStored: (object) => object,
    },
  }
}
