import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMap, type Json } from '../access.ts'

/** ECDSA over P-256 with SHA-256 (RFC 7518 §3.4): r and s side by side, not as DER. */
const scheme = { hash: 'sha256', dsaEncoding: 'ieee-p1363' } as const
export const algorithm = 'ES256'

/** The key that service account tokens are signed with; it outlives the server, and tokens with it. */
export class SigningKey {
  readonly #private: KeyObject
  readonly #public: KeyObject
  /** Names the key: the hash of its public half, as kube-apiserver does. */
  readonly id: string

  /** @param dir folder of the API; the key in it is made if it is not there */
  constructor(dir: string) {
    this.#private = keyIn(dir)
    this.#public = createPublicKey(this.#private)
    const der = this.#public.export({ format: 'der', type: 'spki' })
    this.id = createHash('sha256').update(der).digest('base64url')
  }

  /** A JSON Web Token (RFC 7519) in compact form. */
  sign(claims: Json): string {
    const signed = [{ alg: algorithm, kid: this.id }, claims].map(encoded).join('.')
    const signature = sign(scheme.hash, Buffer.from(signed), {
      key: this.#private,
      dsaEncoding: scheme.dsaEncoding,
    })
    return `${signed}.${signature.toString('base64url')}`
  }

  /** The claims of a token that this key has signed; undefined for everything else. */
  claimsOf(token: string): Json | undefined {
    const [header = '', claims = '', signature = '', ...more] = token.split('.')
    if (signature === '' || more.length > 0 || decoded(header)?.['alg'] !== algorithm) return undefined
    const key = { key: this.#public, dsaEncoding: scheme.dsaEncoding }
    const isOurs = verify(scheme.hash, Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))
    return isOurs ? decoded(claims) : undefined
  }

  /** The public half as a JSON Web Key (RFC 7517). */
  get jwk(): Json {
    const { kty, crv, x, y } = this.#public.export({ format: 'jwk' })
    return { use: 'sig', kty, kid: this.id, crv, alg: algorithm, x, y }
  }
}

const encoded = (part: Json): string => Buffer.from(JSON.stringify(part)).toString('base64url')

function decoded(part: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return isMap(value) ? value : undefined
  } catch {
    return undefined
  }
}

function keyIn(dir: string): KeyObject {
  const file = join(dir, 'service-account.key')
  try {
    return createPrivateKey(readFileSync(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
    return privateKey
  }
}
