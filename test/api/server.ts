import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Connection, loadKubeconfig } from '../../src/kube/kubeconfig.ts'
import { type ApiOptions, type EmbeddedApi, startApi } from '../../src/lab/api/server.ts'
import { freePort } from '../free-port.ts'

// Tests of the API run against the embedded one, or against any real one that WEFT_TEST_KUBECONFIG names (its current context must be one in which namespaces
// may be made and deleted). What only the embedded one can do is skipped by name there.
const realKubeconfig = process.env['WEFT_TEST_KUBECONFIG']

export const isEmbedded = realKubeconfig === undefined

/** Appended to the name of a test that needs the embedded API. */
export const orSkipped = isEmbedded ? '' : ' (skipped: only the embedded API can do that)'

/** An API server under test. */
export interface TestServer {
  connection: Connection
  /** Path of a kubeconfig. */
  kubeconfig: string
  isEmbedded: boolean
  /** The embedded API itself. @throws if the server is a real one */
  readonly api: EmbeddedApi
  /** Ends the embedded API and starts it again on the same port, with the objects that it has kept. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Starts the embedded API in a folder of its own, or takes the real one. */
export async function startTestServer(options: Omit<ApiOptions, 'dir'> = {}): Promise<TestServer> {
  if (realKubeconfig !== undefined) return realServer(realKubeconfig)
  const dir = mkdtempSync(join(tmpdir(), 'weft-api-'))
  // Nobody else is given it while a restart leaves it.
  const loopbackPort = await freePort()
  const start = (): Promise<EmbeddedApi> => startApi({ ...options, dir: join(dir, 'api'), loopbackPort })
  let api = await start()
  const kubeconfig = join(dir, 'kubeconfig')
  writeFileSync(kubeconfig, api.kubeconfig(), { mode: 0o600 })
  return {
    connection: await loadKubeconfig(kubeconfig),
    kubeconfig,
    isEmbedded: true,
    get api() {
      return api
    },
    restart: async () => {
      await api.close()
      api = await start()
    },
    close: async () => {
      await api.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function realServer(kubeconfig: string): Promise<TestServer> {
  const unable = (): never => {
    throw new Error('only the embedded API can do that')
  }
  return {
    connection: await loadKubeconfig(kubeconfig),
    kubeconfig,
    isEmbedded: false,
    get api() {
      return unable()
    },
    restart: unable,
    close: async () => undefined,
  }
}
