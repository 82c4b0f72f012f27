import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { badRequest, internalError, StatusError } from '../status.ts'
import type { KubeObject } from '../types.ts'
import type { Kubelets } from './kubelet.ts'
import { logQuery } from './log-options.ts'

/** Most of a kubelet's error that is passed on, in characters (GenericHttpResponseChecker of apiserver). */
const longestError = 50_000

/**
 * Answers pods/log: passes on what the kubelet of the pod's node sends, for as long as both ends want.
 *
 * @param node undefined: the pod has none yet, so there is no log
 * @throws StatusError
 */
export async function answerLog(
  place: { pod: KubeObject; container: string; node: KubeObject | undefined },
  query: URLSearchParams,
  kubelets: Kubelets,
  response: ServerResponse,
): Promise<void> {
  const asked = logQuery(query)
  const { pod, container, node } = place
  if (node === undefined) {
    response.writeHead(204).end()
    return
  }
  const { namespace = '', name } = pod.metadata
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const path = `/containerLogs/${namespace}/${name}/${container}?${asked.toString()}`
  const answer = await kubelets.get(node, path, gone.signal)
  if (answer.statusCode !== 200) throw await refusal(answer, name)
  response.writeHead(200, { 'content-type': answer.headers['content-type'] ?? 'text/plain' })
  // A log that is followed may say nothing for a long time: that it was found is told now.
  response.flushHeaders()
  // Either end may go at any moment; there is nobody left to tell.
  await pipeline(answer, response).catch(() => {})
}

async function refusal(answer: IncomingMessage, pod: string): Promise<StatusError> {
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) {
    text += String(chunk)
    if (text.length > longestError) break
  }
  const code = answer.statusCode ?? 500
  if (code === 400) return badRequest(text)
  if (code === 404)
    return new StatusError(404, 'NotFound', `the server could not find the requested resource ( pods/log ${pod})`, {
      name: pod,
      kind: 'pods/log',
      causes: [{ reason: 'UnexpectedServerResponse', message: text }],
    })
  return internalError(text.trim())
}
