import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../test/eventually.ts'
import { ApiClient } from './client.ts'
import { json, openStream, ScriptedServer } from './scripted-server.fixture.ts'

interface Identity {
  cert: string
  key: string
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** A self-signed certificate for `dnsName`. */
function selfSigned(dnsName: string): Identity {
  const dir = mkdtempSync(join(tmpdir(), 'weft-tls-'))
  const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'].concat(
        ['-subj', `/CN=${dnsName}`, '-addext', `subjectAltName=DNS:${dnsName}`],
        ['-keyout', keyFile, '-out', certFile],
      ),
      { stdio: 'pipe' },
    )
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** When the next keep-alive probe is due on the established connections to a local port (proc(5), net/tcp: timer 2, and when it ends in hundredths of a second). */
function keepAliveSeconds(port: number): number[] {
  const to = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state]) => remote === to && state === '01')
    .flatMap(([, , , , , timer]) => (timer?.startsWith('02:') ? [Number.parseInt(timer.slice(3), 16) / 100] : []))
}

describe.skipIf(!hasOpenssl)('TLS (certificates are made by openssl)', () => {
  let server: ScriptedServer
  let origin: string
  let api: Identity
  let other: Identity

  beforeAll(async () => {
    api = selfSigned('localhost')
    other = selfSigned('localhost')
    server = new ScriptedServer({ ...api, requestCert: true, ca: other.cert, rejectUnauthorized: false })
    server.answer = (request, response) => json(response, 200, { user: request.clientName })
    origin = (await server.listen()).replace('127.0.0.1', 'localhost')
  })
  afterAll(() => server.close())

  async function ask(more: Partial<ConstructorParameters<typeof ApiClient>[0]>): Promise<unknown> {
    const client = new ApiClient({ server: origin, ...more })
    try {
      return await client.get('/x')
    } finally {
      client.close()
    }
  }

  it('trusts the given CA only', async () => {
    expect(await ask({ ca: api.cert })).toEqual({})
    const refused = { code: 'API_UNREACHABLE', where: origin, remedy: expect.stringContaining('certificate-authority') }
    await expect(ask({ ca: other.cert })).rejects.toMatchObject(refused)
    await expect(ask({})).rejects.toMatchObject(refused)
  })

  it('trusts anyone where verification is skipped', async () => {
    expect(await ask({ insecureSkipTLSVerify: true })).toEqual({})
  })

  it('verifies the name, or the one given in its place', async () => {
    const byAddress = { ca: api.cert, server: origin.replace('localhost', '127.0.0.1') }
    await expect(ask(byAddress)).rejects.toMatchObject({ remedy: expect.stringContaining('names the server') })
    expect(await ask({ ...byAddress, serverName: 'localhost' })).toEqual({})
    const asAddress = ask({ ca: api.cert, serverName: '127.0.0.1' })
    await expect(asAddress).rejects.toMatchObject({ remedy: expect.stringContaining('names the server') })
  })

  it('shows its client certificate', async () => {
    expect(await ask({ ca: api.cert, ...other })).toEqual({ user: 'localhost' })
  })

  it('follows its certificates when their files change, and keeps the good ones while they are being replaced', async () => {
    let material: { ca: string; cert?: string; key?: string } = { ca: api.cert }
    const client = new ApiClient({ server: origin, ...material, reread: () => material })
    try {
      expect(await client.get('/x')).toEqual({})
      const before = server.connections
      material = { ca: api.cert, ...other }
      expect(await client.get('/x')).toEqual({ user: 'localhost' })
      expect(await client.get('/x')).toEqual({ user: 'localhost' })
      await eventually(() => expect(server.connections).toBe(before))
      material = { ca: api.cert, cert: api.cert, key: other.key }
      expect(await client.get('/x')).toEqual({ user: 'localhost' })
    } finally {
      client.close()
    }
  })

  it('shows the certificate that a plugin issues, and the next one when that is refused', async () => {
    const refused: unknown[] = []
    const issued = [{ token: 'old' }, { cert: other.cert, key: other.key }]
    const credentials = {
      current: async () => issued[0] as object,
      refused: (one: object) => {
        refused.push(one)
        issued.shift()
      },
    }
    server.answer = (request, response) =>
      json(response, request.headers.authorization ? 401 : 200, { user: request.clientName })
    expect(await ask({ ca: api.cert, credentials })).toEqual({ user: 'localhost' })
    expect(refused).toEqual([{ token: 'old' }])
  })

  it('has the kernel ask whether the other end of a watch is still there', async () => {
    const port = Number(new URL(origin).port)
    server.answer = (_request, response) => openStream(response)
    const client = new ApiClient({ server: origin, ca: api.cert })
    const opened = new Promise<void>((onOpen) => {
      const watch = client.watch('/w', { resourceVersion: '1', timeoutSeconds: 300, onOpen })
      watch.next().catch(() => undefined)
    })
    try {
      await opened
      // Until what was sent last is acknowledged another timer runs in its place.
      await eventually(() => expect(keepAliveSeconds(port)).toEqual([expect.any(Number)]))
      expect(keepAliveSeconds(port)[0]).toBeLessThanOrEqual(30)
    } finally {
      client.close()
    }
  })

  it('refuses certificates that cannot be used', () => {
    const wrong = { server: origin, cert: api.cert, key: other.key }
    expect(() => new ApiClient(wrong)).toThrow(expect.objectContaining({ code: 'API_TLS_INVALID', fault: 'user' }))
  })
})
