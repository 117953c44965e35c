/*
 * A model of the protocol that workers on several machines follow, rules R1 to R9 (docs/model.md), for spin.
 *
 * One chunk, two machines with one worker each, a primary with a standby, the service, a network that is late, and a
 * clock. scripts/model checks it: as it is, no error is found; with one rule left out (-DNO_R1A and so on), the chunk is
 * taken twice, lost, or stuck. With -DASYNC the standby is not waited for (FO in the table).
 *
 * Every process is a loop of steps with guards. A step is atomic; anything may happen between two steps. The clock waits
 * for steps that have a time limit.
 */

/* Bounds. */
#ifndef LIVES
#define LIVES 3 /* worker processes in all */
#endif
#ifndef CLAIMS
#define CLAIMS 3 /* intents in all, 2 or 3 */
#endif
#ifndef FAULTS
#define FAULTS 2 /* kills, stops, cuts, restarts, failovers, warnings, lost answers, drains */
#endif

/* Times, in ticks. What counts is which of two moments comes first, not how long a tick is. */
#define G 1 /* longest wait for an acknowledgement */
#define T 1 /* time limit of a request */
#define X 1 /* watchdog */
#define M 1 /* longest time in the network */
#define S 1 /* silence */
#define E (M + 1) /* before settling concludes: longer than a request may be in the network */
#ifndef D
#define D (G + T + X + M) /* wait after a take-over */
#endif

/* With -DASYNC a failover loses what was acknowledged; the run is paused as `failed_over` until a person resumes it. */
#ifndef F
#define F D /* before settling concludes from then on */
#endif

mtype = { pending, submitting, unknown, accepted };                      /* a chunk */
mtype = { idle, claiming, asking, heard, begun, checked, sending, telling }; /* what a worker does */
mtype = { none, yes, no, lost, unsent };                                 /* what it knows of its request */
mtype = { nothing, doClaim, doTake, doMark, doWord, doVerdict, doLeave }; /* transactions */
mtype = { quiet, sent, committed, warned };                              /* what became of one */
mtype = { away, queued, flying };                                        /* the last piece of a request */

/* The rows that count. */
typedef Base {
  mtype chunk = pending;
  byte owner = 0;    /* of the run: a worker's id, 0 for nobody */
  byte claim = 0;    /* the number of the newest attempt */
  byte claimant = 0; /* who made it */
}
Base primary;
Base standby; /* what is on the standby; without a standby, what is on the disk */

typedef Worker {
  bit alive;
  bit stopped;
  bit connected;    /* to the database */
  bit up;           /* ran and was connected for S ticks */
  byte id;
  bit owns;         /* as far as it knows */
  bit robbed;
  bit resumes;      /* it took the run after a failover, for a person */
  mtype phase = idle;
  mtype known = none;
  byte claim;
  byte limit;       /* ticks until the claim or the request is too late */
  byte watchdog;    /* ticks until a stopped process is killed */
#ifdef LAST
  byte last;        /* ticks until it is killed however often its watchdog is set anew */
#endif
  byte wait;        /* ticks of D that are left */
  byte watch;       /* ticks of S that are left */
  bit unchanged;    /* the owner's beat is what it was when the take-over was asked for */
  /* The transaction under way. */
  mtype op = nothing;
  mtype state = quiet;
  byte about;
  mtype value = none;
  /* One whose connection broke, which the server may still do. */
  mtype lateOp = nothing;
  byte lateID;
  byte lateAbout;
  mtype lateValue = none;
}
Worker w[2];

mtype net[CLAIMS + 1] = away;
byte netTime[CLAIMS + 1];
mtype answer[CLAIMS + 1] = none;

byte taken = 0;       /* how often the service took the chunk */
byte grace = 0;       /* ticks until settling may conclude */
byte lastID = 0;
byte lastClaim = 0;
byte told = 0;        /* the claim whose answer a worker has and has not lost */
byte faults = 0;
bit failedOver;       /* the server is another one than the one on record */
byte machine[LIVES + 1]; /* where the worker of an id runs */
bit sameMachine;      /* both workers run on one machine */
bit lists;            /* the service's list catches up, so that settling can conclude */

#define running(i) (w[i].alive && !w[i].stopped)
#define ready(i) (running(i) && w[i].connected && w[i].op == nothing)
#define underWay(i) (w[i].phase == begun || w[i].phase == checked || w[i].phase == sending)
#define lives(o) (w[machine[o]].alive && w[machine[o]].id == o)
#ifdef NO_R5A
#define beats(o) false
#else
#define beats(o) (lives(o) && !w[machine[o]].stopped && w[machine[o]].connected)
#endif

#ifdef WATCHED
#define isWatched true
#else
#define isWatched false
#endif

/* R7: the lock of a process on the same machine is free. */
#ifdef NO_R7A
#define proven(i, o) ((sameMachine || machine[o] == i) && !lives(o) || !sameMachine && machine[o] != i)
#else
#define proven(i, o) ((sameMachine || machine[o] == i) && !lives(o))
#endif

/* MARK: the database */

inline answered(i) { w[i].op = nothing; w[i].state = quiet; w[i].about = 0; w[i].value = none }

inline forget(i) { w[i].lateOp = nothing; w[i].lateID = 0; w[i].lateAbout = 0; w[i].lateValue = none }

/* With -DLAST the watchdog is never set beyond X after the end of the request, whichever thread sets it anew. */
#ifdef LAST
#define isOver(i) (w[i].last == 0)
inline lasts(i, ticks) { w[i].last = ticks }
#else
#define isOver(i) false
inline lasts(i, ticks) { skip }
#endif

inline rest(i) { w[i].phase = idle; w[i].known = none; w[i].claim = 0; w[i].limit = 0; w[i].watchdog = 0; lasts(i, 0) }

/* The standby has what the primary has. */
inline replicate() {
  standby.chunk = primary.chunk; standby.owner = primary.owner;
  standby.claim = primary.claim; standby.claimant = primary.claimant
}

/* The primary has what the standby has. */
inline recover() {
  primary.chunk = standby.chunk; primary.owner = standby.owner;
  primary.claim = standby.claim; primary.claimant = standby.claimant;
  if :: primary.chunk != unknown -> grace = 0 :: else fi
}

/* One transaction, all or nothing. `who` asks from machine i; `done` says whether it changed what it was to change. */
inline transact(i, kind, who, on, what) {
  done = false;
  if
  :: kind == doClaim ->
    if
#ifdef NO_R1A
    :: primary.chunk == pending ->
#else
    :: primary.chunk == pending && primary.owner == who && !failedOver ->
#endif
      primary.chunk = submitting; primary.claim = on; primary.claimant = who; done = true
    :: else
    fi
  :: kind == doTake ->
    if
#ifdef NO_R6B
    :: primary.owner == on ->
#else
    :: primary.owner == on && (on == 0 || w[i].unchanged) ->
#endif
#ifdef WATCHED
      /* R5: whoever beats is not robbed. */
      assert(on == 0 || !lives(on) || !w[machine[on]].up);
#endif
      primary.owner = who; done = true;
      if :: w[1 - i].watch < S && w[1 - i].alive && !w[1 - i].owns -> w[1 - i].watch = S :: else fi
    :: else
    fi
  :: kind == doMark ->
    if
    :: primary.owner == who && primary.chunk == submitting && primary.claim == on ->
      primary.chunk = unknown; done = true;
      if
      :: what == lost -> grace = E
      :: else -> grace = 0
      fi
    :: else
    fi
  :: kind == doVerdict ->
    if
    :: primary.owner == who && primary.chunk == unknown && primary.claim == on ->
      done = true;
      if
      :: what == yes -> primary.chunk = accepted
      :: else -> primary.chunk = pending
      fi
    :: else
    fi
  :: kind == doLeave ->
    if
    :: primary.owner == who -> primary.owner = 0; done = true
    :: else
    fi
  :: kind == doWord ->
    done = true;
#ifndef NO_R3C
    /* R3: a claim that its worker gave up cannot come later. */
    if
    :: what == unsent && w[i].lateOp == doClaim && w[i].lateAbout == on -> forget(i)
    :: else
    fi;
#endif
    if
#ifdef NO_R8A
    :: primary.owner != who -> skip
#endif
#ifdef NO_R8B
    :: (what == no || what == unsent) && (primary.chunk == submitting || primary.chunk == unknown) ->
      primary.chunk = pending
#endif
    :: else ->
      if
      :: primary.claim == on && primary.chunk == submitting ->
        if
        :: what == yes -> primary.chunk = accepted
        :: what == no || what == unsent -> primary.chunk = pending
        :: else -> primary.chunk = unknown; grace = E
        fi
      :: primary.claim == on && primary.chunk == unknown ->
        if
        :: what == yes -> primary.chunk = accepted
        :: what == no || what == unsent -> primary.chunk = pending
        :: else
        fi
      :: else ->
#ifdef WATCHED
        /* R8: a contradiction would be shown; there is none to show. */
        assert(!(what == yes && primary.chunk != accepted))
#else
        skip
#endif
      fi
    fi
  fi;
  if :: primary.chunk != unknown -> grace = 0 :: else fi;
  assert(!(primary.chunk == accepted && taken == 0))
}

/* What follows for the worker that asked. Only the acknowledgements of a claim and of a take-over are late. */
inline reply(i, isSafe) {
  if
  :: done && (w[i].op == doClaim || w[i].op == doTake) ->
    w[i].state = (isSafe -> committed : warned)
  :: done && w[i].op == doWord ->
    answered(i);
#ifdef NO_R2E
    rest(i)
#else
    if :: isSafe -> rest(i) :: else fi
#endif
  :: !done && w[i].op == doClaim -> answered(i); rest(i)
  :: !done && w[i].op == doTake -> answered(i); w[i].watch = S; w[i].unchanged = 0
  :: else -> answered(i)
  fi
}

proctype Server(byte i) {
  bit done;
end:
  do
  :: d_step { w[i].state == sent ->
      transact(i, w[i].op, w[i].id, w[i].about, w[i].value);
#ifdef ASYNC
      skip;
#else
#ifdef NO_R2D
      if :: w[i].op != doClaim -> replicate() :: else fi;
#else
      replicate();
#endif
#endif
      reply(i, true);
      done = false }
#ifdef ASYNC
  :: d_step { primary.chunk != standby.chunk || primary.owner != standby.owner || primary.claim != standby.claim ->
      replicate() }
#else
  /* The wait for the standby is cancelled: the answer is a success with a warning. */
  :: d_step { w[i].state == sent && faults < FAULTS ->
      faults++;
      transact(i, w[i].op, w[i].id, w[i].about, w[i].value);
      reply(i, false);
      done = false }
#endif
  :: d_step { w[i].lateOp != nothing ->
      transact(i, w[i].lateOp, w[i].lateID, w[i].lateAbout, w[i].lateValue);
#ifndef ASYNC
      replicate();
#endif
      forget(i);
      done = false }
  :: d_step { w[i].lateOp != nothing -> forget(i) }
  od
}

/* MARK: a worker */

inline ask(i, kind, on, what) {
  w[i].op = kind; w[i].state = sent; w[i].about = on; w[i].value = what
}

inline atOnce(i, kind, on, what) {
  transact(i, kind, w[i].id, on, what);
#ifndef ASYNC
  replicate();
#endif
  done = false
}

inline begin(i) { w[i].phase = begun; w[i].limit = T; w[i].watchdog = X; lasts(i, T + X) }

/* What a worker that gave a claim up has to tell. */
inline abandon(i) {
#ifdef NO_R3B
  rest(i)
#else
  w[i].phase = telling; w[i].known = unsent; w[i].limit = 0
#endif
}

/* The socket is closed: what is queued is dropped (R4), and no answer comes. */
inline close(k) {
#ifndef NO_R4A
  if :: net[k] == queued -> net[k] = away :: else fi;
#endif
  answer[k] = none
}

/* The server may have it already, and do it later. */
inline leaveBehind(i) {
  if
  :: w[i].state == sent && w[i].lateOp == nothing && w[i].op != doVerdict ->
    w[i].lateOp = w[i].op; w[i].lateID = w[i].id; w[i].lateAbout = w[i].about; w[i].lateValue = w[i].value
  :: else
  fi
}

inline cut(i) {
  w[i].connected = 0; w[i].watch = 0; w[i].up = 0;
  if
  :: w[i].op == nothing
  :: else ->
    leaveBehind(i);
    if
    :: w[i].op == doClaim && w[i].phase == claiming ->
#ifdef NO_R3A
      w[i].phase = asking
#else
      abandon(i) /* R3 */
#endif
    :: else
    fi;
    answered(i)
  fi
}

inline die(i) {
  if
  :: underWay(i) -> close(w[i].claim)
  :: else
  fi;
  if :: told != 0 && told == w[i].claim -> told = 0 :: else fi;
  leaveBehind(i);
  answered(i); rest(i);
  w[i].alive = 0; w[i].stopped = 0; w[i].connected = 0; w[i].up = 0; w[i].id = 0; w[i].owns = 0; w[i].robbed = 0; w[i].resumes = 0;
  w[i].wait = 0; w[i].watch = 0;
  if :: w[i].lateOp != doTake -> w[i].unchanged = 0 :: else fi
}

proctype Program(byte i) {
  bit done;
end:
  do
  /* It starts, with an id that nobody had. */
  :: d_step { !w[i].alive && lastID < LIVES && primary.chunk != accepted ->
      lastID++; machine[lastID] = i;
      w[i].alive = 1; w[i].id = lastID; w[i].connected = 1; w[i].watch = S }
  :: d_step { running(i) && !w[i].connected -> w[i].connected = 1; w[i].watch = (w[i].owns -> 0 : S) }

  /* R6, R7: it takes the run when nobody has it, when its owner is silent, or when that is known to be dead. */
  :: d_step { ready(i) && !w[i].owns && !w[i].robbed && primary.owner != w[i].id && primary.chunk != accepted &&
      (primary.owner == 0 || w[i].watch == 0 || proven(i, primary.owner)) ->
      w[i].unchanged = 1;
      ask(i, doTake, primary.owner, none) }
  /* A take-over, or the answer to it was lost. */
  :: d_step { running(i) && w[i].op == doTake && w[i].state != sent ||
      ready(i) && !w[i].owns && !w[i].robbed && primary.owner == w[i].id ->
#ifdef NO_R6C
      if
      :: w[i].op == doTake && (w[i].about == 0 || proven(i, w[i].about)) -> w[i].wait = 0
      :: else -> w[i].wait = D
      fi;
#else
      w[i].wait = D;
#endif
      w[i].owns = 1; w[i].watch = 0; w[i].unchanged = 0;
      w[i].resumes = failedOver;
      answered(i) }
  /* R5: it finds that another one has the run, makes no more intents, and ends when it has told what it knows. */
  :: d_step { ready(i) && w[i].owns && primary.owner != w[i].id -> w[i].owns = 0; w[i].wait = 0; w[i].robbed = 1 }
  :: d_step { ready(i) && w[i].robbed && w[i].phase == idle -> die(i) }

  /* R1: an intent. */
  :: d_step { ready(i) && w[i].owns && w[i].phase == idle && primary.chunk == pending && !failedOver &&
      lastClaim < CLAIMS ->
      lastClaim++;
      w[i].claim = lastClaim; w[i].limit = G;
#ifdef NO_R1B
      begin(i)
#else
      ask(i, doClaim, lastClaim, none);
#ifdef NO_R2A
      begin(i)
#else
      w[i].phase = claiming
#endif
#endif
    }
  /* R2: acknowledged without a warning, and in time. */
  :: d_step { running(i) && w[i].op == doClaim && w[i].state != sent ->
      if
#ifdef NO_R2A
      :: true -> skip
#else
#ifdef NO_R2B
      :: w[i].limit > 0 -> begin(i)
#else
#ifdef NO_R2C
      :: w[i].state == committed -> begin(i)
#else
      :: w[i].state == committed && w[i].limit > 0 -> begin(i)
#endif
#endif
      :: else -> abandon(i)
#endif
      fi;
      answered(i) }
#ifdef NO_R3A
  /* The connection broke; another one says that the claim was committed. When that is heard is not limited. */
  :: d_step { ready(i) && w[i].phase == asking && primary.claim == w[i].claim && primary.chunk == submitting ->
      w[i].phase = heard }
  :: d_step { ready(i) && w[i].phase == asking && !(primary.claim == w[i].claim && primary.chunk == submitting) ->
      abandon(i) }
  :: d_step { running(i) && w[i].phase == heard -> begin(i) }
#endif

  /* R4: before the last piece the time is compared with the limit. */
#ifdef NO_R4C
  :: d_step { running(i) && w[i].phase == begun -> w[i].phase = checked; w[i].watchdog = X }
#else
  :: d_step { running(i) && w[i].phase == begun && w[i].limit > 0 -> w[i].phase = checked; w[i].watchdog = X }
  :: d_step { running(i) && (w[i].phase == begun || w[i].phase == sending) && w[i].limit == 0 ->
      close(w[i].claim);
      w[i].phase = telling; w[i].known = lost; w[i].watchdog = 0; lasts(i, 0) }
#endif
  :: d_step { running(i) && w[i].phase == checked -> net[w[i].claim] = queued; w[i].phase = sending }
  :: d_step { running(i) && w[i].phase == sending && answer[w[i].claim] != none ->
      w[i].known = answer[w[i].claim];
      if :: !lists -> told = w[i].claim :: else fi;
      answer[w[i].claim] = none;
      w[i].phase = telling; w[i].limit = 0; w[i].watchdog = 0; lasts(i, 0) }

  /* R3, R8: what it knows it tells, whoever owns the run, until that is safe. */
  :: d_step { ready(i) && w[i].phase == telling -> ask(i, doWord, w[i].claim, w[i].known) }

  /* R6: what others had open becomes unknown after D; R7: or at once, when they are known to be dead. */
#ifdef NO_R6A
  :: d_step { ready(i) && w[i].owns && primary.chunk == submitting && primary.claimant != w[i].id ->
      atOnce(i, doMark, primary.claim, none) }
#else
  :: d_step { ready(i) && w[i].owns && primary.chunk == submitting && primary.claimant != w[i].id && w[i].wait == 0 ->
      atOnce(i, doMark, primary.claim, none) }
  :: d_step { ready(i) && w[i].owns && primary.chunk == submitting && primary.claimant != w[i].id && w[i].wait > 0 &&
      proven(i, primary.claimant) ->
      atOnce(i, doMark, primary.claim, lost) }
#endif
  /* Settling: the list shows the chunk or, beside a witness, does not. */
  :: d_step { ready(i) && w[i].owns && primary.chunk == unknown && grace == 0 && lists ->
      ask(i, doVerdict, primary.claim, (taken > 0 -> yes : no)) }

#ifdef ASYNC
  /* It finds another server: it makes no more intents, and pauses the run once nothing is under way. */
  :: d_step { ready(i) && w[i].owns && w[i].phase == idle && failedOver && !w[i].resumes ->
      atOnce(i, doLeave, 0, none);
      die(i) }
  /* A person resumes the run: what may have been under way becomes unknown, and is settled after a wait. */
  :: d_step { ready(i) && w[i].owns && failedOver && w[i].resumes && primary.owner == w[i].id ->
      if
#ifdef NO_FOB
      :: primary.chunk == pending ->
#else
      :: primary.chunk != accepted ->
#endif
        /* An attempt that nobody made: what anybody knows of another one does not decide it. */
        primary.chunk = unknown; primary.claim = 0; primary.claimant = 0; grace = F
      :: else
      fi;
      failedOver = 0; w[i].resumes = 0 }
#endif
  /* It is told to end: nothing is under way, and the run is given back. */
  :: d_step { ready(i) && w[i].owns && w[i].phase == idle && primary.chunk != accepted && faults < FAULTS ->
      faults++;
      atOnce(i, doLeave, 0, none);
      die(i) }
  od
}

/* MARK: the network and the service */

proctype Network(byte k) {
end:
  do
  /* The system sends what is queued as long as the socket is there. */
  :: d_step { net[k] == queued -> net[k] = flying; netTime[k] = M }
  :: atomic { net[k] == flying ->
      net[k] = away; netTime[k] = 0;
      if
      :: taken++; answer[k] = yes
      :: answer[k] = no
      fi;
      /* Nothing is taken twice. */
      assert(taken < 2);
      /* The answer is for the socket that the request came over. */
      if
      :: underWay(0) && w[0].claim == k
      :: underWay(1) && w[1].claim == k
      :: else -> answer[k] = none
      fi }
  :: d_step { answer[k] != none && faults < FAULTS -> faults++; answer[k] = none }
  od
}

/* MARK: faults */

/* The chunk is decided for good, and nothing is under way: what follows is of no interest. */
#define over (primary.chunk == accepted && standby.chunk == accepted && !underWay(0) && !underWay(1) && \
  w[0].op != doClaim && w[1].op != doClaim && net[1] == away && net[2] == away && net[CLAIMS] == away)
#define mayFail (faults < FAULTS && !over)


proctype Faults(byte i) {
end:
  do
  :: d_step { w[i].alive && mayFail -> faults++; die(i) }
  :: d_step { running(i) && mayFail -> faults++; w[i].stopped = 1; w[i].up = 0 }
#ifdef NO_R4D
  :: d_step { w[i].alive && w[i].stopped -> w[i].stopped = 0; w[i].watchdog = X }
#else
  :: d_step { w[i].alive && w[i].stopped -> w[i].stopped = 0 }
#endif
#ifndef NO_R4B
  /* R4: the timer ends a process that was stopped for too long. */
  :: d_step { w[i].alive && w[i].stopped && underWay(i) && (w[i].watchdog == 0 || isOver(i)) -> die(i) }
#endif
  :: d_step { w[i].connected && mayFail -> faults++; cut(i) }
#ifdef NO_R9A
  /* The wait is measured with a wall clock, which is set forward. */
  :: d_step { w[i].wait > 0 && mayFail -> faults++; w[i].wait = 0 }
#endif
  od
}

proctype Database() {
end:
  do
#ifdef NO_R2D
  /* The server restarts, and has lost what was not on its disk. */
  :: d_step { mayFail -> faults++; recover(); cut(0); cut(1) }
#else
  /* The server restarts: what was committed is there. */
  :: d_step { mayFail && (w[0].connected || w[1].connected) -> faults++; cut(0); cut(1) }
#endif
  /* The standby takes the primary's place: what it has is there. Without a difference this is a restart. */
  :: d_step { mayFail && (primary.chunk != standby.chunk || primary.owner != standby.owner ||
      primary.claim != standby.claim) ->
      faults++; recover(); cut(0); cut(1);
#ifdef ASYNC
      failedOver = 1; w[0].resumes = 0; w[1].resumes = 0;
      forget(0); forget(1)
#endif
    }
  od
}

/* MARK: time */

/* A step that a process which runs does at once. */
#ifdef NO_R4C
#define urgent(i) (running(i) && w[i].phase == checked)
#else
#define urgent(i) (running(i) && (w[i].phase == checked || underWay(i) && w[i].limit == 0))
#endif
#ifdef NO_R4B
#define overdue(i) false
#else
#define overdue(i) (w[i].alive && w[i].stopped && underWay(i) && (w[i].watchdog == 0 || isOver(i)))
#endif
#define watches(i) (w[i].alive && w[i].connected && !w[i].owns && primary.owner != 0 && primary.owner != w[i].id)
#define changes(i) (w[i].limit > 0 || w[i].wait > 0 || w[i].alive && w[i].stopped && underWay(i) && w[i].watchdog > 0 || \
  primary.owner != 0 && beats(primary.owner) && w[i].unchanged || \
  watches(i) && (beats(primary.owner) && w[i].watch < S || !beats(primary.owner) && w[i].watch > 0) || \
  isWatched && running(i) && w[i].connected && !w[i].up)

inline pass(i) {
  if :: w[i].limit > 0 -> w[i].limit-- :: else fi;
  if :: w[i].wait > 0 -> w[i].wait-- :: else fi;
  if
  :: w[i].alive && underWay(i) ->
#ifdef LAST
    if :: w[i].last > 0 -> w[i].last-- :: else fi;
#endif
    if
    :: !w[i].stopped -> w[i].watchdog = X
    :: w[i].stopped && w[i].watchdog > 0 -> w[i].watchdog--
    :: else
    fi
  :: else
  fi;
  if
  :: primary.owner != 0 && beats(primary.owner) ->
    w[i].unchanged = 0;
    if :: watches(i) -> w[i].watch = S :: else fi
  :: watches(i) && !beats(primary.owner) && w[i].watch > 0 -> w[i].watch--
  :: else
  fi;
  if :: isWatched && running(i) && w[i].connected -> w[i].up = 1 :: else fi
}

proctype Clock() {
  byte k;
end:
  do
  :: d_step { !over && !urgent(0) && !urgent(1) && !overdue(0) && !overdue(1) &&
      !(net[1] == flying && netTime[1] == 0) && !(net[2] == flying && netTime[2] == 0) &&
      !(net[CLAIMS] == flying && netTime[CLAIMS] == 0) &&
      (changes(0) || changes(1) || grace > 0 || netTime[1] > 0 || netTime[2] > 0 || netTime[CLAIMS] > 0) ->
      pass(0); pass(1);
      if :: grace > 0 -> grace-- :: else fi;
      for (k : 1 .. CLAIMS) {
        if :: netTime[k] > 0 -> netTime[k]-- :: else fi
      }
      k = 0 }
  od
}

/* Nothing can happen any more: the chunk is decided, or the bounds are reached, or a person has to decide. */
proctype End() {
end:
  timeout ->
    assert(primary.chunk == accepted || primary.chunk == pending && lastClaim == CLAIMS ||
      !w[0].alive && !w[1].alive && lastID == LIVES ||
      primary.chunk == unknown && !lists && (told == 0 || told != primary.claim))
}

init {
  byte k;
  atomic {
    if
    :: sameMachine = 0; lists = 1
    :: sameMachine = 1; lists = 1
    :: sameMachine = 0; lists = 0
    fi;
    lastID = 1; machine[1] = 0;
    w[0].alive = 1; w[0].id = 1; w[0].connected = 1; w[0].owns = 1;
    primary.owner = 1; standby.owner = 1;
    run Program(0); run Program(1);
    run Server(0); run Server(1);
    run Faults(0); run Faults(1);
    run Database(); run Clock(); run End();
    for (k : 1 .. CLAIMS) { run Network(k) }
    k = 0
  }
}
