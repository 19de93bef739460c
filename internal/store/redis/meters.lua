-- Takes or adds amounts. KEYS are the counters of all meters, one after the other;
-- ARGV is "take" or "add", then of each meter: how many counters it has, amount,
-- limit, holder, milliseconds to keep. Returns {-1} if all was taken or added, else
-- the index of the meter that is full and what each of its counters stands at.
-- Everything is looked at before anything is changed.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Numbers are added up in two parts, the lower of 9 digits: Lua counts in doubles,
-- which hold whole numbers up to 2^53 and no further.
local high, low
local function add(number, sign)
	local minus, digits = string.match(number, '^(%-?)(%d+)$')
	if not digits then error('a counter holds no number', 0) end
	if minus == '-' then sign = -sign end
	high = high + sign * (tonumber(string.sub(digits, 1, -10)) or 0)
	low = low + sign * tonumber(string.sub(digits, -9))
end
local function positive()
	local h = high + math.floor(low / 1e9)
	return h > 0 or h == 0 and low % 1e9 > 0
end

local before = {} -- by key, what meters earlier in this call take
local function note(key, what)
	before[key] = before[key] or {}
	table.insert(before[key], what)
end

local function stands(first, last)
	local used = {}
	for k = first, last do
		used[#used + 1] = redis.call('GET', KEYS[k]) or '0'
	end
	return used
end

local function beyond(used, first, amount, limit)
	high, low = 0, 0
	add(amount, 1)
	add(limit, -1)
	for i, number in ipairs(used) do
		add(number, 1)
		for _, earlier in ipairs(before[KEYS[first + i - 1]] or {}) do add(earlier, 1) end
	end
	return positive()
end

local function holds(key, holder)
	for _, earlier in ipairs(before[key] or {}) do
		if earlier == holder then return true end
	end
	local expires = redis.call('ZSCORE', key, holder)
	return expires and tonumber(expires) > now
end

local function check()
	local k = 1
	for a = 2, #ARGV, 5 do
		local last = k + ARGV[a] - 1
		local amount, limit, holder = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
		local bounded = string.sub(limit, 1, 1) ~= '-'
		local full, used = false, {}
		if holder == '' then
			if bounded then
				used = stands(k, last)
				full = beyond(used, k, amount, limit)
			end
			note(KEYS[k], amount)
		elseif not holds(KEYS[k], holder) then
			used = { redis.call('ZCOUNT', KEYS[k], '(' .. now, '+inf') }
			full = bounded and used[1] + #(before[KEYS[k]] or {}) >= tonumber(limit)
			note(KEYS[k], holder)
		end
		if full then return { (a - 2) / 5, unpack(used) } end
		k = last + 1
	end
end

-- place gives, renews or gives back a place. A place that was lost is not renewed:
-- it may be somebody else's by now.
local function place(key, amount, holder, keep)
	redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
	if amount < 0 then
		redis.call('ZREM', key, holder)
		return
	end
	if amount > 0 or redis.call('ZSCORE', key, holder) then
		redis.call('ZADD', key, now + keep, holder)
		if redis.call('PTTL', key) < tonumber(keep) then redis.call('PEXPIRE', key, keep) end
	end
end

if ARGV[1] == 'take' then
	local full = check()
	if full then return full end
end
local k = 1
for a = 2, #ARGV, 5 do
	local amount, holder, keep = ARGV[a + 1], ARGV[a + 3], ARGV[a + 4]
	if holder == '' then
		redis.call('INCRBY', KEYS[k], amount)
		redis.call('PEXPIRE', KEYS[k], keep)
	else
		place(KEYS[k], tonumber(amount), holder, keep)
	end
	k = k + ARGV[a]
end
return { -1 }
