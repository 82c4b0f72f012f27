import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../../kernel/process.ts'
import { WeftError } from '../../../model/error.ts'
import type { Container, Handler, HttpGet } from '../pod.ts'
import type { ContainerPlace } from '../runtime.ts'

/** Whom a probe or hook concerns. */
export interface ActionTarget {
  container: Container
  /** Where it connects to unless it says another host. */
  podIP: string
  place: ContainerPlace
}

/** What a probe found: nothing wrong (undefined), or in a kubelet's words what was. */
export type Finding = string | undefined

/**
 * Carries out what a probe or a lifecycle hook says, from the node, as a kubelet does.
 *
 * @param timeoutMs after this it has failed
 */
export async function act(handler: Handler, target: ActionTarget, timeoutMs: number): Promise<Finding> {
  const { exec, httpGet, tcpSocket, sleep: pause } = handler
  try {
    if (exec !== undefined) return await execute(exec.command ?? [], target, timeoutMs)
    if (httpGet !== undefined) return await askHttp(httpGet, target, timeoutMs)
    if (tcpSocket !== undefined) {
      const port = portNumber(tcpSocket.port, target.container)
      return await connectTo(tcpSocket.host || target.podIP, port, timeoutMs)
    }
    if (pause !== undefined) await sleep(pause.seconds * 1000)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Probes that are not carried out: they count as passed. */
export const isUnsupported = (handler: Handler): boolean => handler.grpc !== undefined

async function execute(command: string[], { place }: ActionTarget, timeoutMs: number): Promise<Finding> {
  const variables = Object.entries(place.env).map(([name, value]) => `${name}=${value}`)
  try {
    // The container's environment alone.
    const { code, stdout, stderr } = await run('/usr/bin/env', ['-i', ...variables, ...place.enter(command)], {
      timeoutMs,
    })
    return code === 0 ? undefined : (stdout + stderr).trim().slice(0, 1024) || `command ended with exit code ${code}`
  } catch (error) {
    if (error instanceof WeftError && error.code === 'COMMAND_TIMEOUT')
      return `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`
    throw error
  }
}

function askHttp(get: HttpGet, { container, podIP }: ActionTarget, timeoutMs: number): Promise<Finding> {
  const host = get.host || podIP
  const port = portNumber(get.port, container)
  const secure = get.scheme === 'HTTPS'
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.32', accept: '*/*', connection: 'close' }
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value
  const options = { host, port, path: get.path || '/', headers, agent: false as const, rejectUnauthorized: false }
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)(options, (response) => {
      const { statusCode = 0 } = response
      response.resume()
      response.once('close', () => clearTimeout(timer))
      response.destroy()
      resolve(statusCode >= 200 && statusCode < 400 ? undefined : `HTTP probe failed with statuscode: ${statusCode}`)
    })
    const timer = setTimeout(() => request.destroy(new Error('context deadline exceeded')), timeoutMs)
    request.once('error', (error) => {
      clearTimeout(timer)
      const shown = host.includes(':') ? `[${host}]` : host
      reject(new Error(`Get "${secure ? 'https' : 'http'}://${shown}:${port}${options.path}": ${error.message}`))
    })
    request.end()
  })
}

function connectTo(host: string, port: number, timeoutMs: number): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (finding: Finding) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(finding)
    }
    const timer = setTimeout(() => end(`dial tcp ${host}:${port}: i/o timeout`), timeoutMs)
    socket.once('connect', () => end(undefined))
    socket.once('error', (error) => end(error.message))
  })
}

function portNumber(port: number | string, container: Container): number {
  const number = typeof port === 'number' ? port : (namedPort(port, container) ?? Number(port))
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number
  throw new Error(`port "${port}" is no port of container "${container.name}"`)
}

const namedPort = (name: string, { ports = [] }: Container): number | undefined =>
  ports.find((port) => port.name === name)?.containerPort
