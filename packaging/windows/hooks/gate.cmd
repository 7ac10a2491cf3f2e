@echo off
rem gate.cmd - brings the gate to what cannot ask the agent: IIS, and Windows' log-on. A command of the event follower:
rem
rem   farmgate events --follow --cursor FILE --code CODES --exec "gate.cmd flag C:\inetpub\farmgate\open"
rem   farmgate events --follow --cursor FILE --code CODES --exec "gate.cmd logon"
rem
rem with CODES agent_started,gate_opened,gate_closed,licenses_run_out,licenses_free_again. Run by hand it does the same.
rem
rem   flag FILE   FILE is there while anybody is let in, and only then: what looks for it is closed until it is made
rem   logon       new log-ons are refused by Windows while nobody is let in; who has a session comes back to it
rem
rem It asks whether somebody who has no session would be let in. Without an answer everything stays as it is, and it fails, which
rem the follower says. FARMGATE_SOCKET may name the agent's pipe.
setlocal
rem Programs are found by PATH alone: others may write where this is started.
set "NoDefaultCurrentDirectoryInExePath=1"
set "farmgate=farmgate.exe"
if exist "%~dp0farmgate.exe" set "farmgate=%~dp0farmgate.exe"
set "options="
if defined FARMGATE_SOCKET set "options=--socket "%FARMGATE_SOCKET%""
if "%~1"=="logon" goto ask
if "%~1"=="flag" if not "%~2"=="" goto ask
echo usage: gate.cmd flag FILE ^| gate.cmd logon >&2
exit /b 64

:ask
"%farmgate%" gate --user "somebody without a session" %options% >nul 2>&1
set "answer=%errorlevel%"
if "%answer%"=="0" goto open
if "%answer%"=="2" goto closed
echo gate.cmd: the agent was not asked (%answer%), and nothing is changed >&2
exit /b 1

:open
if "%~1"=="logon" goto enable
if exist "%~2" exit /b 0
type nul >"%~2"
if exist "%~2" exit /b 0
echo gate.cmd: "%~2" cannot be made >&2
exit /b 1

:closed
if "%~1"=="logon" goto drain
if not exist "%~2" exit /b 0
del /q "%~2"
if not exist "%~2" exit /b 0
echo gate.cmd: "%~2" cannot be removed >&2
exit /b 1

:enable
call change logon /enable
exit /b %errorlevel%

:drain
call change logon /drain
exit /b %errorlevel%
