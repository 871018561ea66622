// A device built on MQTT.js 5, for MQTT 3.1.1 and 5. ../README.md tells how devices behave.
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

const setting = (name, fallback = '') => process.env['DEVICE_' + name] ?? fallback
const me = setting('ID', 'device-1')
const topic = (leaf) => `device/${me}/${leaf}`
const five = setting('VERSION', '5') === '5'
const file = (name) => (setting(name) ? readFileSync(setting(name)) : undefined)
const transport = setting('TRANSPORT', 'tcp')

const client = mqtt.connect({
  protocol: { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss' }[transport],
  host: setting('HOST', '127.0.0.1'),
  port: Number(setting('PORT', '1883')),
  path: '/mqtt',
  ca: file('CA'),
  cert: file('CERT'),
  key: file('KEY'),
  protocolVersion: five ? 5 : 4,
  clientId: me,
  clean: setting('CLEAN_START', '0') === '1',
  keepalive: Number(setting('KEEP_ALIVE', '10')),
  properties: five ? { sessionExpiryInterval: Number(setting('SESSION_EXPIRY', '300')) } : undefined,
  will: setting('WILL', '1') === '1' ? { topic: topic('status'), payload: 'offline', qos: 1, retain: true } : undefined,
})

client.on('connect', ({ sessionPresent }) => {
  console.log('connected', sessionPresent ? 'session present' : 'new session')
  if (!sessionPresent) client.subscribe({ [topic('in')]: { qos: 1 }, [topic('in2')]: { qos: 2 } }, report)
  client.publish(topic('status'), 'online', { qos: 1, retain: true }, report)
})
client.on('message', (name, payload, packet) => {
  console.log('received', name, payload.length)
  client.publish(topic('echo'), payload, { qos: packet.qos }, report)
})
client.on('close', () => console.log('disconnected'))
client.on('error', (problem) => console.log('error:', problem.message))

function report(problem) {
  if (problem) console.log('error:', problem.message)
}

let n = 0
const telemetry = setInterval(() => {
  if (!client.connected) return
  for (const qos of [0, 1, 2]) client.publish(topic('out'), `reading ${n} at QoS ${qos}`, { qos }, report)
  n++
}, 1000 * Number(setting('INTERVAL', '5')))

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    clearInterval(telemetry)
    setTimeout(() => process.exit(0), 3000).unref()
    client.publish(topic('status'), 'offline', { qos: 1, retain: true }, () => client.end())
    if (!client.connected) client.end(true)
  })
}
