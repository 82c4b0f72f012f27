import { describe, expect, it } from 'vitest'
import type { ConfigObject, Pod, Volume } from '../pod.ts'
import { type PayloadSources, volumePayload } from './payload.ts'

const pod: Pod = {
  metadata: { name: 'p', namespace: 'shop', uid: 'u', labels: { b: '2', a: '1"' } },
  spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1500m' } } }] },
}
const object = (data: Record<string, string>): ConfigObject => ({ metadata: { name: 'x', namespace: 'shop' }, data })
const sources: PayloadSources = {
  podIPs: ['10.42.0.2'],
  hostIPs: [],
  configMap: (name) => (name === 'cfg' ? { ...object({ a: 'A' }), binaryData: { z: 'AAE=' } } : undefined),
  secret: (name) => (name === 'sec' ? object({ pw: Buffer.from('s').toString('base64') }) : undefined),
  token: (audience) => `token for ${audience ?? 'the API'}`,
  withoutSecrets: false,
}
const texts = (volume: Omit<Volume, 'name'>, more: Partial<PayloadSources> = {}, of = pod) =>
  Object.fromEntries(
    [...(volumePayload(of, { name: 'v', ...volume }, { ...sources, ...more }) ?? [])].map(([path, { data, mode }]) => [
      path,
      `${data.toString('latin1')} ${mode.toString(8)}`,
    ]),
  )

describe('volumePayload', () => {
  it('fills ConfigMaps and Secrets, all keys or those asked for', () => {
    expect(texts({ configMap: { name: 'cfg' } })).toEqual({ a: 'A 644', z: '\0\u0001 644' })
    const items = [{ key: 'a', path: 'dir/file', mode: 0o600 }]
    expect(texts({ configMap: { name: 'cfg', items, defaultMode: 0o400 } })).toEqual({ 'dir/file': 'A 600' })
    expect(texts({ secret: { secretName: 'sec', defaultMode: 0o400 } })).toEqual({ pw: 's 400' })
  })

  it('lets the group of a volume read it', () => {
    const ofGroup: Pod = { ...pod, spec: { ...pod.spec, securityContext: { fsGroup: 5 } } }
    expect(texts({ secret: { secretName: 'sec', defaultMode: 0o400 } }, {}, ofGroup)).toEqual({ pw: 's 440' })
  })

  it('puts projected sources together', () => {
    const projected: Volume['projected'] = {
      defaultMode: 0o440,
      sources: [
        { serviceAccountToken: { path: 'token', audience: 'vault' } },
        { configMap: { name: 'cfg', items: [{ key: 'a', path: 'ca.crt' }] } },
        { secret: { name: 'no', optional: true } },
        {
          downwardAPI: {
            items: [
              { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
              { path: 'cpu', mode: 0o400, resourceFieldRef: { containerName: 'c', resource: 'requests.cpu' } },
            ],
          },
        },
      ],
    }
    expect(texts({ projected })).toEqual({
      token: 'token for vault 440',
      'ca.crt': 'A 440',
      labels: 'a="1\\""\nb="2" 440',
      cpu: '2 400',
    })
  })

  it('says what is missing as a kubelet does', () => {
    expect(() => texts({ configMap: { name: 'no' } })).toThrow('configmap "no" not found')
    expect(texts({ configMap: { name: 'no', optional: true } })).toEqual({})
    expect(() => texts({ secret: { secretName: 'no' } })).toThrow('secret "no" not found')
    expect(texts({ secret: { secretName: 'no' } }, { withoutSecrets: true })).toEqual({})
    const items = [{ key: 'k', path: 'f' }]
    expect(() => texts({ configMap: { name: 'cfg', items } })).toThrow('references non-existent config key: k')
    expect(texts({ configMap: { name: 'cfg', items, optional: true } })).toEqual({})
  })

  it('leaves other volumes alone', () => {
    expect(volumePayload(pod, { name: 'v', emptyDir: {} }, sources)).toBeUndefined()
  })
})
