import { isGone, malformedError } from './errors.ts'
import type { Query } from './transport.ts'

/** A List object, as far as paging goes. Go writes an empty list's items as null or `[]`. */
export interface ListPage<T> {
  metadata?: { resourceVersion?: string; continue?: string }
  items?: T[] | null
}

/** Takes a list page by page. */
export interface PageSink<T> {
  /** The list begins anew: forget the pages so far. */
  restart(): void
  page(items: readonly T[]): void
}

export type FetchPage<T> = (paging: Query) => Promise<ListPage<T>>

const DEFAULT_LIMIT = 500
/** Lists that outlive the server's memory this often are fetched in one piece. */
const PAGED_ATTEMPTS = 3

/**
 * Reads a list by `limit` and `continue`. A token that expired (410) means that the pages no longer belong to one version: the list begins anew, the
 * last time unpaged, which cannot expire. (The continue token in that 410 would go on with an inconsistent list.) Returns the
 * resourceVersion to watch from. Source: Kubernetes API concepts, "Retrieving large results sets in chunks".
 */
export async function readPages<T>(
  fetchPage: FetchPage<T>,
  sink: PageSink<T>,
  limit = DEFAULT_LIMIT,
  where = '',
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const paging = attempt > PAGED_ATTEMPTS ? {} : { limit }
    const resourceVersion = await readOnce(fetchPage, sink, paging, where)
    if (resourceVersion !== undefined) return resourceVersion
    sink.restart()
  }
}

/** undefined: the continue token expired. */
async function readOnce<T>(
  fetchPage: FetchPage<T>,
  sink: PageSink<T>,
  paging: Query,
  where: string,
): Promise<string | undefined> {
  let resourceVersion: string | undefined
  let token = ''
  for (;;) {
    const page = await fetchOrExpired(fetchPage, paging, token)
    if (page === undefined) return undefined
    const { version, items, next } = checkPage(page, token, where)
    resourceVersion ??= version
    sink.page(items)
    if (!next) return resourceVersion
    token = next
  }
}

async function fetchOrExpired<T>(
  fetchPage: FetchPage<T>,
  paging: Query,
  token: string,
): Promise<ListPage<T> | undefined> {
  try {
    return await fetchPage(token ? { ...paging, continue: token } : paging)
  } catch (error) {
    if (token && paging['limit'] && isGone(error)) return undefined
    throw error
  }
}

/** A wrong answer (another kind of object, a token that leads nowhere) must not pass for an empty or endless list. */
function checkPage<T>(page: ListPage<T>, token: string, where: string): { version: string; items: T[]; next: string } {
  const { resourceVersion: version, continue: next = '' } = page.metadata ?? {}
  const items = page.items ?? []
  if (!version || !('items' in page) || !Array.isArray(items))
    throw malformedError('the API server answered with something that is no list', where)
  if (next && next === token) throw malformedError('the API server repeats a continue token', where)
  return { version, items, next }
}
