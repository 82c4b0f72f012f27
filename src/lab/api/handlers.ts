import type { ServerResponse } from 'node:http'
import { formOf } from './accept.ts'
import { type Json, mapOf } from './access.ts'
import { checkKind, mediaTypeOf, objectFromBody, optionsFromBody, parseJson, readBody } from './body.ts'
import { bytesOf, includeObjectOf, listBytes, partial, served, table, tableMeta } from './encoding.ts'
import { parseFieldSelector } from './field-selectors.ts'
import { invalidValue } from './field-errors.ts'
import { applyJsonPatch } from './json-patch.ts'
import { type LabelSelector, matchesLabels, parseLabelSelector } from './label-selectors.ts'
import { applyMergePatch } from './merge-patch.ts'
import { checkNotFuture, deleteOptions, isDryRun, listOptions, numberOf } from './options.ts'
import { type Page, Pages } from './pages.ts'
import type { ResourceRequest, Verb } from './request.ts'
import { scaled, scaleOf, scaleKind } from './scale.ts'
import { badRequest, expired, invalid, notFound, type Status, StatusError, unsupportedBody } from './status.ts'
import type { MemoryStore, WriteOptions } from './store.ts'
import { applyStrategicPatch } from './strategic-patch.ts'
import type { KubeObject } from './types.ts'
import type { WatchHub } from './watch.ts'

/** What is written as the answer, unless it has been already. */
export interface Answer {
  code: number
  contentType: string
  body: Buffer
}

const json = (code: number, value: unknown): Answer => ({
  code,
  contentType: 'application/json',
  body: Buffer.from(`${JSON.stringify(value)}\n`),
})

/** Answers requests for resources, out of the store. */
export class Handlers {
  readonly #store: MemoryStore
  readonly #hub: WatchHub
  readonly #pages = new Pages()

  constructor(store: MemoryStore, hub: WatchHub) {
    this.#store = store
    this.#hub = hub
  }

  /** Undefined: the answer is a stream that has begun. @throws StatusError */
  async handle(request: ResourceRequest, response: ServerResponse): Promise<Answer | undefined> {
    if (request.verb === 'watch') {
      this.#watch(request, response)
      return undefined
    }
    return request.subresource === 'scale' ? this.#scale(request) : this.#answer(request, request.verb)
  }

  #answer(request: ResourceRequest, verb: Exclude<Verb, 'watch'>): Promise<Answer> {
    const answers: Record<Exclude<Verb, 'watch'>, () => Promise<Answer>> = {
      get: () => this.#get(request),
      list: () => this.#list(request),
      create: () => (request.subresource === undefined ? this.#create(request) : this.#podAction(request)),
      update: () => this.#update(request),
      patch: () => this.#patch(request),
      delete: () => this.#delete(request),
      deletecollection: () => this.#deleteCollection(request),
    }
    return answers[verb]()
  }

  #get(request: ResourceRequest): Promise<Answer> {
    checkNotFuture(numberOf(request.query.get('resourceVersion')), this.#store.resourceVersion)
    return single(request, 200, this.#existing(request))
  }

  #existing({ kind, namespace, name = '' }: ResourceRequest): KubeObject {
    const object = this.#store.get(kind.plural, namespace, name)
    if (object === undefined) throw notFound(kind, name)
    return object
  }

  async #list(request: ResourceRequest): Promise<Answer> {
    const { kind, query, message } = request
    const form = formOf(message.headers.accept)
    const page = this.#page(request)
    const { metadata, items } = page
    if (form.type === 'table') {
      const options = { include: includeObjectOf(query.get('includeObject')), version: form.version, now: new Date() }
      return json(200, table(kind, metadata, items, { ...options, columns: true }))
    }
    if (form.type === 'metadata')
      return json(200, {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${form.version}`,
        metadata,
        items: items.map((item) => partial(item, form.version)),
      })
    const body = listBytes(kind, metadata, items)
    return form.type === 'yaml' ? yaml(200, body) : { code: 200, contentType: 'application/json', body }
  }

  #page(request: ResourceRequest): Page {
    const { query } = request
    const options = listOptions(query, false)
    const { resourceVersion, token, limit } = options
    if (token !== undefined && resourceVersion !== undefined && resourceVersion !== 0)
      throw badRequest('specifying resource version is not allowed when using continue')
    const current = this.#store.resourceVersion
    checkNotFuture(resourceVersion, current)
    if (options.exact && String(resourceVersion) !== current)
      throw expired('The resourceVersion for the provided list is too old.')
    const selected = Boolean(query.get('labelSelector') || query.get('fieldSelector'))
    // Any version will do (0): a real server answers out of its cache, which ignores the limit.
    const whole = resourceVersion === 0 && token === undefined
    return this.#pages.page(this.#selected(request), current, { limit: whole ? 0 : limit, token, selected })
  }

  #selected(request: ResourceRequest): KubeObject[] {
    const { kind, namespace } = request
    const { labels, selects } = selection(request)
    const [indexed] = labels.equal
    const objects =
      indexed === undefined
        ? this.#store.list(kind.plural, namespace)
        : this.#store.listLabelled(kind.plural, indexed.key, indexed.value, namespace)
    return objects.filter(selects)
  }

  #watch(request: ResourceRequest, response: ServerResponse): void {
    const { kind, namespace, query, message } = request
    const form = formOf(message.headers.accept)
    const { selects } = selection(request)
    const options = listOptions(query, true)
    const include = includeObjectOf(query.get('includeObject'))
    this.#hub.start({ kind, namespace, selects, form, include, options }, response)
  }

  async #create(request: ResourceRequest): Promise<Answer> {
    const { kind, namespace, query, message } = request
    const object = await objectFromBody(message, kind)
    const dryRun = isDryRun(query, 'CreateOptions')
    place(object, namespace)
    const stored = (kind.view?.toStored(object) ?? object) as KubeObject
    return single(request, 201, this.#store.create(kind.plural, stored, { dryRun, fromClient: true }))
  }

  async #update(request: ResourceRequest): Promise<Answer> {
    const { kind, namespace, name = '', query, message } = request
    const object = await objectFromBody(message, kind)
    const options = { dryRun: isDryRun(query, 'UpdateOptions'), fromClient: true }
    place(object, namespace)
    checkName(object, name)
    const existed = this.#store.get(kind.plural, namespace, name) !== undefined
    return single(request, existed ? 200 : 201, this.#write(request, object, options))
  }

  #write({ kind, subresource }: ResourceRequest, object: Json, options: WriteOptions): KubeObject {
    const stored = (kind.view?.toStored(object) ?? object) as KubeObject
    return subresource === 'status'
      ? this.#store.updateStatus(kind.plural, stored, options)
      : this.#store.update(kind.plural, stored, options)
  }

  async #patch(request: ResourceRequest): Promise<Answer> {
    const { kind, name = '', namespace, query } = request
    const apply = await patchOf(request)
    const dryRun = isDryRun(query, 'PatchOptions')
    const old = this.#existing(request)
    const object = apply(structuredClone(served(kind, old)))
    object['metadata'] = mapOf(object['metadata'])
    checkKind(object, kind)
    checkName(object, name)
    place(object, namespace)
    const { uid } = object['metadata']
    if (uid !== undefined && uid !== old.metadata.uid)
      throw invalid(kind, name, [invalidValue('metadata.uid', uid, 'field is immutable')])
    return single(request, 200, this.#write(request, object, { dryRun, fromClient: true }))
  }

  async #delete(request: ResourceRequest): Promise<Answer> {
    const { kind, namespace, name = '', query } = request
    const body = await optionsFromBody(request.message)
    const options = deleteOptions(query, body)
    const dryRun = isDryRun(query, 'DeleteOptions', body)
    const { object, gone } = this.#store.delete(kind.plural, namespace, name, options, { dryRun })
    if (!gone || kind.deleteReturnsObject) return single(request, 200, object)
    const group = kind.group === '' ? {} : { group: kind.group }
    return json(200, success({ name, ...group, kind: kind.plural, uid: object.metadata.uid }))
  }

  async #deleteCollection(request: ResourceRequest): Promise<Answer> {
    const { kind, query } = request
    const body = await optionsFromBody(request.message)
    const options = deleteOptions(query, body)
    const dryRun = isDryRun(query, 'DeleteOptions', body)
    const objects = this.#selected(request)
    for (const { metadata } of objects)
      if (this.#store.get(kind.plural, metadata.namespace, metadata.name) !== undefined)
        this.#store.delete(kind.plural, metadata.namespace, metadata.name, options, { dryRun })
    const metadata = { resourceVersion: this.#store.resourceVersion }
    return { code: 200, contentType: 'application/json', body: listBytes(kind, metadata, objects) }
  }

  /** POST …/binding and …/eviction. */
  async #podAction(request: ResourceRequest): Promise<Answer> {
    const { namespace = '', name = '', subresource, query, message } = request
    const dryRun = isDryRun(query, 'CreateOptions')
    if (subresource === 'binding') {
      const binding = await objectFromBody(message, { group: '', version: 'v1', kind: 'Binding' })
      const node = mapOf(binding['target'])['name']
      if (typeof node !== 'string' || node === '') throw badRequest('Binding.target.name is required')
      this.#store.bind(namespace, name, node, { dryRun })
    } else {
      const eviction = await objectFromBody(message, { group: 'policy', version: 'v1', kind: 'Eviction' })
      const options = deleteOptions(new URLSearchParams(), mapOf(eviction['deleteOptions']))
      this.#store.delete('pods', namespace, name, options, { dryRun })
    }
    return json(201, { ...success(undefined), code: 201 })
  }

  async #scale(request: ResourceRequest): Promise<Answer> {
    const { kind, query, verb, message, name = '' } = request
    if (verb === 'get') return json(200, scaleOf(this.#existing(request)))
    const options = { dryRun: isDryRun(query, 'UpdateOptions'), fromClient: true }
    const change = verb === 'patch' ? await patchOf(request) : undefined
    const given = change === undefined ? await objectFromBody(message, scaleKind) : undefined
    const old = this.#existing(request)
    const scale = given ?? change?.(scaleOf(old)) ?? {}
    checkName(scale, name)
    return json(200, scaleOf(this.#store.update(kind.plural, scaled(old, scale), options)))
  }
}

/** One object in the form that was asked for. */
async function single({ kind, query, message }: ResourceRequest, code: number, object: KubeObject): Promise<Answer> {
  const form = formOf(message.headers.accept)
  if (form.type === 'table') {
    const include = includeObjectOf(query.get('includeObject'))
    const options = { include, version: form.version, now: new Date(), columns: true }
    return json(code, table(kind, tableMeta(object), [object], options))
  }
  if (form.type === 'metadata') return json(code, partial(object, form.version))
  const body = bytesOf(kind, object)
  return form.type === 'yaml' ? yaml(code, body) : { code, contentType: 'application/json', body }
}

async function yaml(code: number, body: Buffer): Promise<Answer> {
  const { stringify } = await import('yaml')
  const text = stringify(JSON.parse(body.toString('utf8')), { sortMapEntries: true, version: '1.1' })
  return { code, contentType: 'application/yaml', body: Buffer.from(text) }
}

const success = (details: Status['details']): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(details === undefined ? {} : { details }),
})

interface Selection {
  labels: LabelSelector
  selects: (object: KubeObject) => boolean
}

function selection({ kind, name, query }: ResourceRequest): Selection {
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

/** The namespace is the path's; the object may name it too. @throws StatusError 400 if it names another */
function place(object: Json, namespace: string | undefined): void {
  const metadata = mapOf(object['metadata'])
  object['metadata'] = metadata
  if (namespace === undefined) return
  if (metadata['namespace'] && metadata['namespace'] !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  metadata['namespace'] = namespace
}

function checkName(object: Json, name: string): void {
  const given = mapOf(object['metadata'])['name']
  if (given !== undefined && given !== '' && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  mapOf(object['metadata'])['name'] = name
}

const patchTypes = 'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json'

/** The change that a PATCH asks for. Server-side apply is not served. @throws StatusError 400 or 415 */
async function patchOf({ message, kind }: ResourceRequest): Promise<(object: Json) => Json> {
  const type = mediaTypeOf(message)
  if (type === 'application/apply-patch+yaml') throw unsupportedBody(patchTypes)
  const known = patchTypes.split(', ').includes(type)
  if (!known) throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  const patch = parseJson(await readBody(message), (problem) => `error decoding patch: ${problem}`)
  if (type === 'application/json-patch+json') return (object) => applyJsonPatch(object, patch)
  if (type === 'application/merge-patch+json') return (object) => applyMergePatch(object, patch)
  return (object) => applyStrategicPatch(object, patch, kind.mergeTree)
}
