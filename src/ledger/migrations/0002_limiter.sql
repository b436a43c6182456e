-- The limiter: who may send the next request to a far side, for all processes together and by this
-- database's clock. A bucket is what a far side counts by (an API key); its row is the lock.
--
-- The functions stand outside every other part of the ledger and their lock is the last one taken, so
-- that an effect can take its slot in the transaction that begins it.

create table bucket (
  bucket text primary key,
  paused_until timestamptz not null default '-infinity',
  -- Where grants are spaced: when the even spacing of all grants so far is used up.
  spaced_until timestamptz not null default '-infinity',
  -- Interactive grants in succession while bulk waited.
  streak smallint not null default 0
) with (fillfactor = 50);

create table slot (
  id bigint generated always as identity primary key,
  bucket text not null,
  granted timestamptz not null,
  answered timestamptz,
  window_ms int not null,
  free_at timestamptz not null
);
create index slot_bucket on slot (bucket, free_at);

-- The best waiter of each process and class. A row lives a second, so nothing is lost with a crash.
create unlogged table waiter (
  bucket text not null,
  process uuid not null,
  class text not null check (class in ('interactive', 'bulk')),
  deadline timestamptz not null,
  stage int not null,
  -- When it was told to come back.
  due timestamptz not null,
  expires timestamptz not null,
  primary key (bucket, process, class)
) with (fillfactor = 50);

-- The limiter's clock, apart so that a test can put its own in its place.
create function limiter_now() returns timestamptz language sql volatile as 'select clock_timestamp()';

-- Grants a slot now, or says when to come back (at most 500 ms, so that the waiter's row stays alive);
-- never waits but for the bucket's row. A request may arrive until its answer is in, at most 500 ms
-- after the grant: its slot is free one window after that. Next is: interactive before bulk, then the
-- earlier deadline, then the later stage. Spaced: window / requests with bursts of 5, each of which is made up
-- for by wider spaces, and while both classes wait interactive takes at most four of five.
create function take_slot(
  p_bucket text, p_requests int, p_window_ms int, p_spaced boolean, p_process uuid, p_class text,
  p_deadline timestamptz, p_stage int,
  out slot bigint, out wait_ms int
) language plpgsql as $$
declare
  ms constant interval := interval '1 millisecond';
  v_spacing interval := p_window_ms * ms / p_requests;
  v_bucket record;
  v_now timestamptz;
  v_first text;
  v_better int;
  v_better_due timestamptz;
  v_bulk_waits boolean;
  v_taken int;
  v_gap interval;
  v_ready timestamptz;
begin
  select * into v_bucket from bucket b where b.bucket = p_bucket for no key update;
  if not found then
    insert into bucket (bucket) values (p_bucket) on conflict do nothing;
    select * into v_bucket from bucket b where b.bucket = p_bucket for no key update;
  end if;
  -- Read under the lock, so that grants follow each other in time.
  v_now := limiter_now();
  v_first := case when p_spaced and v_bucket.streak >= 4 then 'bulk' else 'interactive' end;

  -- A transaction that is just answering a slot keeps it locked: it must not be waited for.
  delete from slot where id = any (array(
    select s.id from slot s where s.bucket = p_bucket and s.free_at < v_now for update skip locked));
  select count(*) into v_taken from slot s where s.bucket = p_bucket and s.free_at >= v_now;

  select count(*) filter (where w.ahead), min(w.due) filter (where w.ahead),
    coalesce(bool_or(w.class = 'bulk'), false)
  into v_better, v_better_due, v_bulk_waits
  from (
    select o.class, o.due, (o.class <> v_first, o.deadline, -o.stage)
      < (p_class <> v_first, p_deadline, -p_stage) as ahead
    from waiter o
    where o.bucket = p_bucket and o.expires > v_now
      and (o.process, o.class) <> (p_process, p_class)
  ) w;

  -- When the slot comes that is left after the better waiters had theirs.
  v_ready := greatest(v_now, v_bucket.paused_until);
  if p_spaced then
    v_ready := greatest(v_ready, v_bucket.spaced_until + (v_better - 4) * v_spacing);
  end if;
  if v_taken + v_better >= p_requests then
    v_ready := greatest(v_ready, coalesce((
      select s.free_at + interval '1 microsecond' from slot s
      where s.bucket = p_bucket and s.free_at >= v_now
      order by s.free_at offset v_taken + v_better - p_requests limit 1), 'infinity'));
  end if;

  if v_better = 0 and v_ready <= v_now then
    -- After a burst, what is left is spread until slots come back, whichever of them one looks at: else the
    -- window would be used up before its end, and everybody would wait for that.
    v_gap := v_spacing;
    if p_spaced and v_taken >= 4 then
      select greatest(v_spacing, max((s.free_at - v_now)
        / greatest(p_requests - v_taken - 2 + s.place, 1)::float8)) into v_gap
      from (select o.free_at, row_number() over (order by o.free_at) as place from slot o
        where o.bucket = p_bucket and o.free_at >= v_now) s;
    end if;
    insert into slot (bucket, granted, window_ms, free_at)
    values (p_bucket, v_now, p_window_ms, v_now + (p_window_ms + 500) * ms)
    returning id into slot;
    if p_spaced then
      update bucket b set
        spaced_until = greatest(b.spaced_until, v_now) + v_gap,
        streak = case
          when p_class = 'bulk' then 0
          when v_bulk_waits then least(b.streak + 1, 4)
          else b.streak end
      where b.bucket = p_bucket;
    end if;
    delete from waiter w where w.bucket = p_bucket
      and (w.expires <= v_now or (w.process = p_process and w.class = p_class));
    return;
  end if;

  -- A better waiter who is overdue is asked for less and less often, until its row expires.
  if v_ready <= v_now then
    v_ready := greatest(v_better_due, v_now) + greatest(10 * ms, v_now - v_better_due);
  end if;
  v_ready := least(v_ready, v_now + 500 * ms);
  wait_ms := ceil(extract(epoch from v_ready - v_now) * 1000);
  insert into waiter as w (bucket, process, class, deadline, stage, due, expires)
  values (p_bucket, p_process, p_class, p_deadline, p_stage, v_now + wait_ms * ms, v_now + 1000 * ms)
  on conflict (bucket, process, class) do update
    set deadline = excluded.deadline, stage = excluded.stage, due = excluded.due,
      expires = excluded.expires;
end $$;

-- The answer came: the request has arrived by now, which is all the far side counts.
create function answer_slot(p_slot bigint) returns void language sql as $$
  update slot s set answered = c.now, free_at = least(s.free_at, c.now + s.window_ms * interval '1 millisecond')
  from (select limiter_now() as now) c
  where s.id = p_slot and s.answered is null
$$;

-- The far side answered 429 all the same: nobody is granted a slot for so long.
create function pause_bucket(p_bucket text, p_ms int) returns void language sql as $$
  insert into bucket as b (bucket, paused_until)
  values (p_bucket, limiter_now() + p_ms * interval '1 millisecond')
  on conflict (bucket) do update set paused_until = greatest(b.paused_until, excluded.paused_until)
$$;
