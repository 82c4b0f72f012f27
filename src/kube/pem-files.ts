import { readFileSync, statSync } from 'node:fs'
import type { TlsMaterial } from './connection.ts'

/** PEM text, and the file that it came from, if any. */
export interface Pem {
  text: string
  file?: string
}

export interface PemSources {
  ca?: Pem | undefined
  cert?: Pem | undefined
  key?: Pem | undefined
}

/** Certificates are renewed days before they expire. */
const LOOK_AGAIN_MILLISECONDS = 10_000

/**
 * Material that follows its files; undefined if none of it comes from a file. A file that cannot be read, or holds no PEM (it is being written), counts as
 * unchanged.
 */
export function rereading(sources: PemSources, now: () => number = Date.now): (() => TlsMaterial) | undefined {
  const followed = Object.entries(sources).filter(([, pem]) => pem?.file !== undefined)
  if (followed.length === 0) return undefined
  const files = followed.map(([field, pem]) => ({ field, file: new FollowedFile(pem as Pem & { file: string }) }))
  const fixed = textsOf(sources)
  let lookedAtMs = now()
  let material: TlsMaterial = fixed
  return () => {
    const passedMs = now() - lookedAtMs
    // A clock that was set back says nothing.
    if (passedMs >= 0 && passedMs < LOOK_AGAIN_MILLISECONDS) return material
    lookedAtMs = now()
    material = { ...fixed, ...Object.fromEntries(files.map(({ field, file }) => [field, file.text()])) }
    return material
  }
}

/** The texts alone. */
export function textsOf(sources: PemSources): TlsMaterial {
  const texts = Object.entries(sources).flatMap(([field, pem]) => (pem ? [[field, (pem as Pem).text]] : []))
  return Object.fromEntries(texts) as TlsMaterial
}

class FollowedFile {
  readonly #path: string
  #text: string
  #stamp: string

  constructor({ text, file }: Pem & { file: string }) {
    this.#path = file
    this.#text = text
    this.#stamp = stampOf(file)
  }

  text(): string {
    const stamp = stampOf(this.#path)
    if (stamp === this.#stamp) return this.#text
    const text = readOrEmpty(this.#path)
    if (!text.includes('-----BEGIN ')) return this.#text
    this.#stamp = stamp
    this.#text = text
    return text
  }
}

/** Changes whenever the file does; mounted Secrets swap a symbolic link, so it is the file at its end that counts. */
function stampOf(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path)
    return [ino, size, mtimeMs, ctimeMs].join(' ')
  } catch {
    return 'unreadable'
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
