import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'

/** What somebody proves itself with, PEM. */
export interface Identity {
  ca: string
  certificate: string
  key: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const caYears = 10
const dayMs = 24 * 60 * 60 * 1000

/** @peculiar/x509, loaded when it is needed: importing it takes a tenth of a second. */
async function library(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

type X509 = Awaited<ReturnType<typeof library>>

/** The files of a CA that outlives the server: who has its certificate goes on trusting. */
const caFiles = (dir: string) => ({ certificate: join(dir, 'ca.crt'), key: join(dir, 'ca.key') })

async function loadCa(
  x509: X509,
  dir: string,
): Promise<{ certificate: InstanceType<X509['X509Certificate']>; key: webcrypto.CryptoKey }> {
  const files = caFiles(dir)
  try {
    const der = createPrivateKey(readFileSync(files.key)).export({ format: 'der', type: 'pkcs8' })
    const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
    return { certificate: new x509.X509Certificate(readFileSync(files.certificate, 'utf8')), key }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return createCa(x509, dir)
  }
}

async function createCa(x509: X509, dir: string): Promise<Awaited<ReturnType<typeof loadCa>>> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: randomBytes(16).toString('hex'),
      name: `CN=weft-ca@${Date.now()}`,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + caYears * 365 * dayMs),
      signingAlgorithm: algorithm,
      keys: keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeFileSync(caFiles(dir).key, await pem(keys.privateKey), { mode: 0o600 })
  writeFileSync(caFiles(dir).certificate, certificate.toString('pem'))
  return { certificate, key: keys.privateKey }
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key)
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}

/** What a certificate says, besides names and addresses. */
interface Holder {
  /** Below the folder: where certificate and key are kept. */
  file: string
  /** Distinguished name (RFC 4514). */
  subject: string
  usage: 'serverAuth' | 'clientAuth'
}

const apiServer: Holder = { file: 'server.json', subject: 'CN=kube-apiserver', usage: 'serverAuth' }

/** As whom the API server asks a kubelet; name and group as kubeadm has them. */
const kubeletClient: Holder = {
  file: 'kubelet-client.json',
  subject: 'CN=kube-apiserver-kubelet-client, O=system:masters',
  usage: 'clientAuth',
}

/** Below the folder: what the kubelet of a node serves with (KeptIdentity). */
export const kubeletIdentityFile = (nodeName: string): string => `kubelet-${nodeName}.json`

const kubelet = (nodeName: string): Holder => ({
  file: kubeletIdentityFile(nodeName),
  subject: `CN=system:node:${nodeName}, O=system:nodes`,
  usage: 'serverAuth',
})

/** What somebody proved itself with last, as it is in its file: making it anew takes a third of the time of a start. */
export interface KeptIdentity {
  names: string[]
  /** Milliseconds since the epoch. */
  renewAfter: number
  identity: Identity
}

const certificateDays = 365

/**
 * A certificate for the names and addresses, signed by the CA in the folder, which is made if it is not there. EC P-256. The one that was made for the
 * same names is used again for half of its life.
 */
export const serverIdentity = (dir: string, names: readonly string[]): Promise<Identity> =>
  identityOf(dir, apiServer, names)

/** What the API server shows to kubelets, of the same CA and kept as long. */
export const kubeletClientIdentity = (dir: string): Promise<Identity> => identityOf(dir, kubeletClient, [])

/** What the kubelet of a node serves with, of the same CA and kept as long. */
export const kubeletIdentity = (dir: string, nodeName: string, addresses: readonly string[]): Promise<Identity> =>
  identityOf(dir, kubelet(nodeName), [nodeName, ...addresses])

async function identityOf(dir: string, holder: Holder, names: readonly string[]): Promise<Identity> {
  const file = join(dir, holder.file)
  const wanted = [...new Set(names)].sort()
  const kept = keptIn(file)
  if (kept !== undefined && kept.renewAfter > Date.now() && kept.names.join() === wanted.join() && isSigned(dir, kept))
    return kept.identity
  const identity = await newIdentity(dir, holder, wanted)
  const renewAfter = Date.now() + (certificateDays / 2) * dayMs
  writeFileSync(`${file}.new`, JSON.stringify({ names: wanted, renewAfter, identity } satisfies KeptIdentity), {
    mode: 0o600,
  })
  renameSync(`${file}.new`, file)
  return identity
}

function keptIn(file: string): KeptIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KeptIdentity
  } catch {
    return undefined
  }
}

/** Whether it is of the CA that is in the folder now. */
function isSigned(dir: string, { identity }: KeptIdentity): boolean {
  try {
    return readFileSync(caFiles(dir).certificate, 'utf8').trim() === identity.ca.trim()
  } catch {
    return false
  }
}

async function newIdentity(dir: string, { subject, usage }: Holder, names: readonly string[]): Promise<Identity> {
  const x509 = await library()
  x509.cryptoProvider.set(webcrypto)
  const ca = await loadCa(x509, dir)
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomBytes(16).toString('hex'),
      subject,
      issuer: ca.certificate.subject,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + certificateDays * dayMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: ca.key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
        ...(names.length === 0 ? [] : [alternativeNames(x509, names)]),
        await x509.AuthorityKeyIdentifierExtension.create(ca.certificate, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return {
    ca: `${ca.certificate.toString('pem')}\n`,
    certificate: certificate.toString('pem'),
    key: await pem(keys.privateKey),
  }
}

const alternativeNames = (x509: X509, names: readonly string[]) =>
  new x509.SubjectAlternativeNameExtension(
    names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
  )

/** The bearer token in the folder, made if it is not there. */
export function bearerToken(dir: string): string {
  const file = join(dir, 'token')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const token = randomBytes(32).toString('hex')
    writeFileSync(file, `${token}\n`, { mode: 0o600 })
    return token
  }
}
