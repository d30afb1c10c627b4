/** What must happen atomically in Redis, in Lua. */

/**
 * KEYS: leases, presences, fence. ARGV: id, fencing token held, presence, lease in ms.
 * Ends expired leases, by Redis' clock, and renews this one. A gateway without a lease gets a new
 * token, higher than all before, even when Redis has lost them.
 */
export const BEAT = {
  numberOfKeys: 3,
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local fence = tonumber(ARGV[2])
if fence == 0 or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  fence = math.max(tonumber(redis.call('GET', KEYS[3]) or '0') + 1, now)
  redis.call('SET', KEYS[3], string.format('%.0f', fence))
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return {string.format('%.0f', now), string.format('%.0f', fence), redis.call('HVALS', KEYS[2])}
`,
};

/**
 * KEYS: one gateway's nodes. ARGV: fencing token, expiry in ms, 1 to replace everything, seq, number
 * of records, then the records as id and JSON, then the ids that have gone.
 * A write under an old token, delayed on its way, cannot undo what was written under a newer one.
 */
export const WRITE = {
  numberOfKeys: 1,
  lua: `
local held = tonumber(redis.call('HGET', KEYS[1], '#fence') or '0')
local fence = tonumber(ARGV[1])
if held > fence then return 0 end
if ARGV[3] == '1' then
  redis.call('DEL', KEYS[1])
elseif held ~= fence then
  return 0
end
redis.call('HSET', KEYS[1], '#fence', ARGV[1], '#seq', ARGV[4])
local last = 5 + 2 * tonumber(ARGV[5])
for i = 6, last, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`,
};

/**
 * KEYS: one record. ARGV: its text as it was read, the text in its place, expiry in ms. With an empty
 * text there is none, before or from now on. Returns 0 where another text stands meanwhile.
 */
export const SWAP = {
  numberOfKeys: 1,
  lua: `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
`,
};
