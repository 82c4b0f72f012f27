import { WeftError } from '../model/error.ts'
import { canonicalIP } from '../model/ip.ts'
import type { ListenAddress } from './http.ts'

/**
 * An address to listen on, as kube-proxy's flags have it: `127.0.0.1:10256`, `[::1]:10256`; empty or port 0: nowhere.
 *
 * @throws WeftError CONFIG_LISTEN_ADDRESS_INVALID
 */
export function parseListenAddress(flag: string, text: string): ListenAddress {
  if (text === '') return { address: '', port: 0 }
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<v4>[0-9.]+)):(?<port>\d{1,5})$/.exec(text)
  const address = canonicalIP(match?.groups?.['v6'] ?? match?.groups?.['v4'] ?? '')
  const port = Number(match?.groups?.['port'] ?? Number.NaN)
  if (address !== undefined && port <= 65_535) return { address, port }
  throw new WeftError(`"${text}" is no address to listen on`, {
    code: 'CONFIG_LISTEN_ADDRESS_INVALID',
    fault: 'user',
    where: flag,
    remedy: "write it as ADDRESS:PORT, e.g. 127.0.0.1:10256 or [::1]:10256; '' or port 0 switches it off",
  })
}
