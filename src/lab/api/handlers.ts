import type { ServerResponse } from 'node:http'
import { formOf } from './accept.ts'
import { type Json, mapOf, textOf } from './access.ts'
import { type Answer, json, listAnswer, single, success, written } from './answers.ts'
import { managerOf } from './apply/managed-fields.ts'
import { applyTo, isApply } from './apply/request.ts'
import { objectFromBody, optionsFromBody } from './body.ts'
import { checkName, patchOf, place } from './changes.ts'
import { includeObjectOf, listBytes, served } from './encoding.ts'
import { spendDisruption } from './eviction.ts'
import { type FieldError, invalidValue } from './field-errors.ts'
import { checkPatched } from './field-validation.ts'
import {
  checkNotFuture,
  checkPatchOptions,
  checkWriteOptions,
  deleteOptions,
  isDryRun,
  listOptions,
  numberOf,
} from './options.ts'
import { continuationExpired, continuationOf, type Page, pageOf } from './pages.ts'
import type { ResourceRequest, Verb } from './request.ts'
import { scaled, scaleKind, scaleOf } from './scale.ts'
import { selection } from './selection.ts'
import { badRequest, expired, invalid, notFound, StatusError } from './status.ts'
import type { MemoryStore, WriteOptions } from './store.ts'
import type { KubeObject } from './types.ts'
import { type ServiceAccountTokens, tokenRequestKind } from './tokens/tokens.ts'
import { asAsked } from './view-errors.ts'
import { warn } from './warnings.ts'
import type { WatchHub } from './watch.ts'

/** Answers requests for resources, out of the store. */
export class Handlers {
  readonly #store: MemoryStore
  readonly #hub: WatchHub
  readonly #tokens: ServiceAccountTokens

  constructor(store: MemoryStore, hub: WatchHub, tokens: ServiceAccountTokens) {
    this.#store = store
    this.#hub = hub
    this.#tokens = tokens
  }

  /** Undefined: the answer is a stream that has begun. @throws StatusError */
  async handle(request: ResourceRequest, response: ServerResponse): Promise<Answer | undefined> {
    const { kind, verb, warnings, subresource } = request
    if (kind.kind === 'ServiceAccount' && subresource === 'token') return this.#token(request)
    if (kind.elsewhere.some(({ name }) => name === subresource))
      throw badRequest(`${kind.plural}/${subresource} is not served here${insteadOf(subresource)}`)
    if (kind.deprecation !== undefined) warn(response, kind.deprecation)
    if (verb === 'watch') {
      this.#watch(request, response)
      return undefined
    }
    try {
      return await (request.subresource === 'scale' ? this.#scale(request) : this.#answer(request, verb))
    } catch (error) {
      throw asAsked(error, kind)
    } finally {
      for (const text of warnings) warn(response, text)
    }
  }

  #answer(request: ResourceRequest, verb: Exclude<Verb, 'watch'>): Promise<Answer> {
    const answers: Record<Exclude<Verb, 'watch'>, () => Promise<Answer>> = {
      get: () => this.#get(request),
      list: () => this.#list(request),
      create: () =>
        request.subresource === undefined && request.kind.kind !== 'Binding'
          ? this.#create(request)
          : this.#podAction(request),
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
    const object = this.#store.get(kind.resource, namespace, name)
    if (object === undefined) throw notFound(kind, name)
    return object
  }

  async #list(request: ResourceRequest): Promise<Answer> {
    const { kind, query, message } = request
    // An answer that nobody can read is not made.
    const form = formOf(message.headers.accept)
    return listAnswer(kind, this.#page(request), form, includeObjectOf(query.get('includeObject')))
  }

  #page(request: ResourceRequest): Page {
    const { query } = request
    const options = listOptions(query, false)
    const { resourceVersion, token, limit } = options
    if (token !== undefined && resourceVersion !== undefined && resourceVersion !== 0)
      throw badRequest('specifying resource version is not allowed when using continue')
    const current = this.#store.resourceVersion
    checkNotFuture(resourceVersion, current)
    const continuation = token === undefined ? undefined : continuationOf(token)
    const asked = continuation?.rv ?? (options.exact ? resourceVersion : undefined) ?? -1
    const version = asked < 0 ? current : String(asked)
    const objects = version === current ? this.#selected(request) : this.#selectedAt(request, asked)
    if (objects === undefined)
      throw continuation === undefined
        ? expired('The resourceVersion for the provided list is too old.')
        : continuationExpired(continuation)
    const selected = Boolean(query.get('labelSelector') || query.get('fieldSelector'))
    // Any version will do (0): a real server answers out of its cache, which ignores the limit.
    const whole = resourceVersion === 0 && token === undefined
    return pageOf(objects, version, { limit: whole ? 0 : limit, after: continuation?.start, selected })
  }

  #selected(request: ResourceRequest): KubeObject[] {
    const { kind, namespace } = request
    const { labels, selects } = selection(request)
    const [indexed] = labels.equal
    const objects =
      indexed === undefined
        ? this.#store.list(kind.resource, namespace)
        : this.#store.listLabelled(kind.resource, indexed.key, indexed.value, namespace)
    return objects.filter(selects)
  }

  /** What was selected at an earlier version; undefined if that is forgotten. */
  #selectedAt(request: ResourceRequest, version: number): KubeObject[] | undefined {
    const { kind, namespace } = request
    const { selects } = selection(request)
    return this.#store.listAt(kind.resource, namespace, version)?.filter(selects)
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
    checkWriteOptions(query, 'CreateOptions')
    const dryRun = isDryRun(query, 'CreateOptions')
    const object = await objectFromBody(message, kind, request)
    place(object, namespace)
    const stored = (kind.view?.toStored(object) ?? object) as KubeObject
    return written(request, 201, this.#store.create(kind.resource, stored, { dryRun, ...client(request) }))
  }

  async #update(request: ResourceRequest): Promise<Answer> {
    const { kind, namespace, name = '', query, message } = request
    checkWriteOptions(query, 'UpdateOptions')
    const object = await objectFromBody(message, kind, request)
    const options = { dryRun: isDryRun(query, 'UpdateOptions'), ...client(request) }
    place(object, namespace)
    checkName(object, name)
    const existed = this.#store.get(kind.resource, namespace, name) !== undefined
    return written(request, existed ? 200 : 201, this.#write(request, object, options))
  }

  #write({ kind, subresource }: ResourceRequest, object: Json, options: WriteOptions): KubeObject {
    const stored = (kind.view?.toStored(object) ?? object) as KubeObject
    if (subresource === 'finalize') return this.#store.finalizeNamespace(stored, options)
    return subresource === 'status'
      ? this.#store.updateStatus(kind.resource, stored, options)
      : this.#store.update(kind.resource, stored, options)
  }

  async #patch(request: ResourceRequest): Promise<Answer> {
    if (isApply(request)) return this.#apply(request)
    const { kind, name = '', namespace, query } = request
    checkPatchOptions(query, false)
    const apply = await patchOf(request)
    const dryRun = isDryRun(query, 'PatchOptions')
    const old = this.#existing(request)
    const object = apply(structuredClone(served(kind, old)))
    object['metadata'] = mapOf(object['metadata'])
    checkPatched(object, kind, request)
    checkName(object, name)
    place(object, namespace)
    const { uid } = object['metadata']
    if (uid !== undefined && uid !== old.metadata.uid)
      throw invalid(kind, name, twice(invalidValue('metadata.uid', uid, 'field is immutable')))
    return written(request, 200, this.#write(request, object, { dryRun, ...client(request) }))
  }

  async #apply(request: ResourceRequest): Promise<Answer> {
    const { code, object } = await applyTo(request, this.#store)
    return written(request, code, object)
  }

  async #delete(request: ResourceRequest): Promise<Answer> {
    const { kind, namespace, name = '', query } = request
    const body = await optionsFromBody(request.message)
    const options = deleteOptions(query, body)
    const dryRun = isDryRun(query, 'DeleteOptions', body)
    const { object, gone } = this.#store.delete(kind.resource, namespace, name, options, { dryRun })
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
    // The list as it was before.
    const metadata = { resourceVersion: this.#store.resourceVersion }
    for (const { metadata } of objects)
      if (this.#store.get(kind.resource, metadata.namespace, metadata.name) !== undefined)
        this.#store.delete(kind.resource, metadata.namespace, metadata.name, options, { dryRun })
    return { code: 200, contentType: 'application/json', body: listBytes(kind, metadata, objects) }
  }

  /** POST …/binding and …/eviction. */
  async #podAction(request: ResourceRequest): Promise<Answer> {
    const { namespace = '', subresource, query, message } = request
    const kind = subresource === 'eviction' ? 'Eviction' : 'Binding'
    const group = kind === 'Binding' ? '' : 'policy'
    const action = await objectFromBody(message, { group, version: 'v1', kind })
    const named = textOf(mapOf(action['metadata'])['name'])
    // A Binding may also be created by itself.
    const name = request.name ?? named
    if (named !== name) throw badRequest(`name in URL does not match name in ${kind} object`)
    const given = mapOf(action['deleteOptions'])
    const dryRun = isDryRun(query, 'CreateOptions', given)
    if (kind === 'Binding') this.#store.bind(namespace, name, nodeOf(action), { dryRun })
    else {
      const options = deleteOptions(new URLSearchParams(), given)
      spendDisruption(this.#store, namespace, name, dryRun)
      this.#store.delete('pods', namespace, name, options, { dryRun })
    }
    return json(201, { ...success(undefined), code: 201 })
  }

  /** POST …/serviceaccounts/NAME/token. */
  async #token(request: ResourceRequest): Promise<Answer> {
    const { message, namespace = '', name = '' } = request
    const body = await objectFromBody(message, tokenRequestKind, request)
    return json(201, this.#tokens.issue(namespace, name, body, new Date()))
  }

  async #scale(request: ResourceRequest): Promise<Answer> {
    const { kind, query, verb, message, name = '' } = request
    if (verb === 'get') return json(200, scaleOf(kind, this.#existing(request)))
    if (verb === 'patch' && isApply(request))
      return json(200, scaleOf(kind, (await applyTo(request, this.#store)).object))
    const options = { dryRun: isDryRun(query, 'UpdateOptions'), ...client(request) }
    const change = verb === 'patch' ? await patchOf(request) : undefined
    const given = change === undefined ? await objectFromBody(message, scaleKind, request) : undefined
    const old = this.#existing(request)
    const scale = given ?? change?.(scaleOf(kind, old, true)) ?? {}
    if (given === undefined) checkPatched(scale, scaleKind, request)
    checkName(scale, name)
    return json(200, scaleOf(kind, this.#store.update(kind.resource, scaled(kind, old, scale), options)))
  }
}

/** What does the same in a lab; `kubectl debug` asks for ephemeral containers. */
const insteadOf = (subresource: string | undefined): string =>
  subresource === 'ephemeralcontainers'
    ? ": run programs of this machine in the pod with 'weft lab exec' or kubectl exec"
    : ''

/** A real server looks twice at the metadata of a patched object, and says twice what is wrong. */
const twice = (error: FieldError): FieldError[] => [error, error]

/** Who writes. */
const client = ({ query, message, subresource }: ResourceRequest): WriteOptions => ({
  fromClient: true,
  writer: { manager: managerOf(query, message.headers), subresource },
})

/** The node that a Binding names. @throws StatusError 500, as a real server says it */
function nodeOf(binding: Json): string {
  const { kind = 'Node', name } = mapOf(binding['target'])
  if (kind !== 'Node')
    throw new StatusError(500, undefined, `target.kind: Unsupported value: "${kind}": supported values: "Node", ""`)
  if (typeof name !== 'string' || name === '') throw new StatusError(500, undefined, 'target.name: Required value')
  return name
}
