-- farmgate.lua - HAProxy asks the gate. `http-request lua.farmgate SOCKET`, with the path of the agent's reading socket, sets
--
--   txn.farmgate         "open", "closed", or "silent" when the agent gave no answer
--   txn.farmgate_reason  why it is closed
--
-- of the user in txn.farmgate_user; to nobody it is closed. HAProxy's user must be in the group farmgate.
local SECONDS = 2 -- that the agent may take to answer

-- As a part of an address: whatever the name holds, it says no more than a name.
local function encode(name)
    return (name:gsub("[^%w._~-]", function(byte)
        return string.format("%%%02X", byte:byte())
    end))
end

-- Status and reason; nil without an answer in time.
local function request(socket, agent, name)
    socket:settimeout(SECONDS)
    if not socket:connect("unix@" .. agent) then
        return nil
    end
    socket:send("GET /v1/gate?kind=application&user=" .. encode(name) .. " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    local line, reason = socket:receive("*l"), ""
    local status = line and line:match("^HTTP/1%.1 (%d%d%d)")
    while line and line:match("%S") do
        line = socket:receive("*l")
        reason = line and line:match("^[Xx]%-[Ff]armgate%-[Rr]eason: ([%w_]+)") or reason
    end
    return line and status, reason
end

local function ask(agent, name)
    local socket = core.tcp()
    local ok, status, reason = pcall(request, socket, agent, name)
    socket:close()
    if ok and status == "204" then
        return "open", ""
    elseif ok and status == "403" then
        return "closed", reason
    end
    return "silent", ""
end

core.register_action("farmgate", { "http-req" }, function(txn, agent)
    local name = txn:get_var("txn.farmgate_user")
    local gate, reason = "closed", "nobody"
    if name and #name > 0 and #name <= 511 and not name:find("%c") then
        gate, reason = ask(agent, name)
    end
    txn:set_var("txn.farmgate", gate)
    txn:set_var("txn.farmgate_reason", reason)
end, 1)
