import { describe, expect, it } from 'vitest'
import { checkCapabilities, checkMemory, checkNfTables } from './machine-requirements.ts'

describe('checkCapabilities', () => {
  it('is content with all, and names what a container was not given', () => {
    expect(() => checkCapabilities('Name:\tnode\nCapEff:\t000001ffffffffff\n')).not.toThrow()
    // Docker's default set.
    expect(() => checkCapabilities('CapEff:\t00000000a80425fb\n')).toThrow(
      /namespaces and mounts: CAP_NET_ADMIN, CAP_SYS_ADMIN$/,
    )
  })
})

describe('checkNfTables', () => {
  it('says what is missing, with what the kernel said', () => {
    const refuse = () => {
      throw new Error('EPROTONOSUPPORT')
    }
    expect(() => checkNfTables(refuse)).toThrow(
      expect.objectContaining({ code: 'LAB_NFTABLES_MISSING', cause: new Error('EPROTONOSUPPORT') }),
    )
    expect(() => checkNfTables(() => 1)).not.toThrow()
  })
})

describe('checkMemory', () => {
  const meminfo = (availableMiB: number, swapMiB = 0) =>
    `MemTotal:       99999999 kB\nMemAvailable:   ${availableMiB * 1024} kB\nSwapFree:       ${swapMiB * 1024} kB\n`

  it('counts swap, and says how many nodes would fit', () => {
    expect(() => checkMemory(meminfo(4096), 3, 0)).not.toThrow()
    expect(() => checkMemory(meminfo(200, 200), 3, 2 ** 64)).not.toThrow()
    expect(() => checkMemory(meminfo(600), 50, 0)).toThrow(
      expect.objectContaining({ remedy: 'free some memory or start with --nodes 6' }),
    )
    expect(() => checkMemory(meminfo(100), 1, 0)).toThrow(expect.objectContaining({ remedy: 'free some memory' }))
  })

  it("knows a container's limit", () => {
    expect(() => checkMemory(meminfo(4096), 3, 300 * 2 ** 20)).toThrow(
      expect.objectContaining({
        message: 'a lab with 3 nodes needs about 375 MiB of memory; 300 MiB are allowed here',
        remedy: 'raise the limit of this container or cgroup or start with --nodes 2',
      }),
    )
  })
})
