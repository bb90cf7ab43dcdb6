"""The fixed words of descriptions: one table per language, the same keys in each.

Names and titles come from the scenario as they are; everything else that a reader sees stands here.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]

EN: dict[str, str] = {
    # numbers
    "unit_us": "µs", "unit_ms": "ms", "unit_s": "s", "unit_min": "min", "unit_h": "h", "unit_day": "day", "unit_days": "days",
    "unit_week": "week", "unit_weeks": "weeks", "unit_month": "month", "unit_months": "months", "unit_year": "year", "unit_years": "years",
    "per_s": "second", "per_min": "minute", "per_h": "hour", "per_day": "day", "per_week": "week", "per_month": "month", "per_year": "year",
    "quantity": "{number} {unit}", "pay": "{amount}/{unit}", "rate": "{number} per {unit}", "percent": "{number} %",
    "law": "{mean} on average, usually {low} to {high}", "law_unbounded": "{mean} on average",
    "colon": ": ", "comma": ", ", "semicolon": "; ", "or": " or ", "in_brackets": "{text} ({inside})",
    "by_segment": "{segment} {value}", "by_segment_law": "{segment}: {value}", "others": "others",
    "mon": "Mon", "tue": "Tue", "wed": "Wed", "thu": "Thu", "fri": "Fri", "sat": "Sat", "sun": "Sun", "day_range": "{first} to {last}",
    "jan": "Jan", "feb": "Feb", "mar": "Mar", "apr": "Apr", "may": "May", "jun": "Jun", "jul": "Jul", "aug": "Aug", "sep": "Sep", "oct": "Oct", "nov": "Nov", "dec": "Dec",
    "late_segments": "{goal}, when the patience of the customer ends (see Customers)", "late_none": "waits as long as it takes", "reason": "Reason", "share_word": "Share", "step_word": "Step",
    # the document
    "about_ranges": "A usual range leaves out the lowest and the highest tenth. Hours of work are hours at work; days and weeks are of the calendar, nights and weekends included.",
    "about_duty": "**Core** steps may not be left out or led around. **Flexible** steps may be changed if the change pays. **Optional** steps are sometimes skipped.",
    "overview": "At a glance", "stage": "Stage", "steps": "Steps", "demand": "Where cases come from", "channel": "Channel", "customers": "Customers",
    "segment": "Segment", "value": "Worth", "urgency": "Priority (1 is served first)", "patience": "Waits at most", "people": "People", "team": "Team", "size": "People",
    "hours": "Hours", "pay_word": "Cost", "skills": "Skills", "does": "Does", "procedure": "The procedure", "exceptions": "Exceptions", "loops": "Loops back", "losses": "Where cases are lost",
    "costs": "Standing costs", "register": "Where the numbers come from", "place": "Place in the scenario", "figures": "Number", "basis": "Basis", "cost": "Cost",
    "arrivals": "Arrivals", "mix": "Mix", "enters": "Begins with", "attributes": "What every case carries", "attribute": "Attribute", "starts": "At the beginning",
    "rules": "Rules that always hold", "rules_further": "Further settings", "limits": "Places that cases hold", "limit": "Place", "measures": "Figures that are watched", "measure": "Figure", "definition": "Definition",
    "register_intro": "Entries that are assumptions: {assumed}; entries with a source: {sourced}. Replace assumptions by your own data where the result depends on them.",
    "register_empty": "No number has a source or is marked as an assumption.", "how_many": "How many", "cost_item": "For",
    "period": "The clock starts on {start} ({zone}). Money is in {currency}.", "made_by": "Written by salessim {version} from the scenario with hash {hash}.",
    "source": "source: {text}", "assumption": "assumption: {text}", "assumption_bare": "assumption", "no_losses": "No case is lost on the way.", "no_loops": "No step is repeated.",
    "loop": "From {step} back to {to}{colon}{share}", "provenance": "Notes",
    # channels and customers
    "arrivals_text": "{rate}", "batched": "in groups of {sizes}", "in_hours": "only during {calendar}", "growth": "growing by {share} a year", "campaign": "{title}, {start} to {end}: {factor} times as many",
    "campaign_untitled": "campaign", "day_spread": "days differ by {share} more than chance explains", "weekday_profile": "uneven over the week ({days})", "hour_profile": "uneven over the day ({hours})",
    "month_profile": "uneven over the year ({months})", "replayed": "{count} recorded arrivals", "replayed_file": "recorded arrivals from {file}", "each": "{money} each",
    # people and calendars
    "calendar_always": "day and night", "holidays": "closed on the public holidays of {country}", "closed": "closed on {dates}", "open_day": "open on {date}, {hours}", "clock_zone": "in the time zone {zone}",
    "overtime": "finishes what is begun, paid {factor} times as overtime", "suspend": "puts work down at the end of a shift", "efficiency": "{skill} (pace {share})",
    # kinds of steps
    "the_system": "the system, by itself", "the_customer": "the customer, in their own time",
    "the_branches": "several ways at once", "title_who": "Who", "title_time": "Time", "title_duty": "Duty", "title_cost": "Cost", "title_queue": "Queue", "title_late": "If it takes too long",
    "title_unless": "Unless", "title_rhythm": "Rhythm", "title_places": "Places", "title_sets": "Changes", "title_automation": "Automation", "title_milestone": "Milestone", "title_then": "Then",
    "title_spawns": "Later", "title_versions": "Roll-out", "title_branches": "Ways", "title_further": "Further",
    "first_choice": "{first}; if nobody is free, {others}", "whoever": "whoever has the skill {skill} ({teams})", "with_skill": "skill {skill}", "together": "together with {others}",
    "time_factor": "times {formula}", "runs_in": "in the hours of {calendar}",
    "duty_core": "core", "duty_overridden": "core, but not protected here: {reason} (allowed by {who})", "duty_flexible": "flexible", "duty_optional": "optional, done in {share} of the cases", "duty_may_skip": "optional",
    "cost_labour": "about {money} of working time", "cost_fixed": "{money} for each visit",
    "queue_priority": "by priority, then first come, first served", "queue_first_come": "first come, first served", "queue_newest_first": "the newest first", "queue_highest_value": "the highest value first", "queue_longest_in_process": "who has been in the process longest first",
    "queue_formula": "by priority, then the highest {formula} first", "queue_class": "priority {number} for all", "waiting_room": "at most {count} may wait; who comes then gives up at once",
    "hold": "if they have not been found together after {time}, they are kept free for it",
    "late": "{goal}, after waiting {law}", "late_differs": "{goal}, after waiting – {law}", "late_never": "nobody gives up; the case waits as long as it takes", "late_silent": "{share} of them leave without a word; people still try for {law}",
    "unless_one": "after {law}{colon}{goal}", "reminders": "a reminder every {time}, at most {most}; each leaves {share} of the time that remains", "posted_every": "runs every {time}", "posted_at": "runs at {times}, {days}",
    "gather": "waits until {size} cases are together", "gather_at_most": "waits until {size} cases are together, at most {time}", "takes": "takes a place of {limits}", "gives_back": "gives back the place of {limits}",
    "sets_one": "{attribute} becomes {formula}", "automation": "in {share} of the visits a system does it, in {law}", "milestone_response": "this is the first response", "milestone_won": "the deal is won when this is finished", "milestone_delivered": "delivered when this is finished",
    "count": "as many times as {formula} says", "branches_end": "goes on when all have come back", "version": "from {date} on, {share} of the cases meet it as {name}",
    # ways on
    "always_to": "always", "rest": "the rest", "goal_to": "go to {step}", "goal_lost": "lost: {reason}", "goal_done": "finished", "goal_join": "back from the parallel ways", "gave_up": "gave up",
    "route_limit": "at most {count} times", "route_when": "only if {formula}", "route_factor": "share times {formula}", "fades_queue": "halves once the customer has waited {time} here", "fades_age": "halves once the case is {time} old",
    "fades_queue_open": "shrinks the longer the customer waits here", "fades_age_open": "shrinks the older the case is", "open_to_all": "all for whom it holds",
    "spawn": "{share}{colon}{kind}, after {law}{colon}{goal}", "spawn_new": "as a new customer", "spawn_segment": "as {segment}", "spawn_when": "only if {formula}", "spawn_factor": "probability times {formula}", "spawn_gives": "with {attribute} = {formula}", "spawn_passes": "keeps the place of {limit}",
    # attributes, limits, own measures
    "inherited": "passed on to cases that follow", "over_all": "all cases", "over_won": "cases that are won", "over_lost": "cases that are lost", "over_delivered": "cases that are delivered", "over_ended": "cases that have ended", "over_service": "service cases",
    "measure_mean": "mean of {formula}", "measure_share": "share with {formula}", "measure_per_week": "sum of {formula} per week", "measure_per_month": "sum of {formula} per month", "running": "{pay} running", "one_off": "{money} once",
    # pictures
    "channels_lane": "Channels", "legend_work": "our people", "legend_automatic": "a system", "legend_customer": "the customer's time", "legend_parallel": "several ways at once", "legend_core": "core step", "legend_forward": "way on", "legend_back": "loop back",
    "legend_late": "after waiting too long", "legend_spawn": "new case later", "chart_desc": "Flow chart of {stages} stages and {steps} steps", "automated": "{share} automated", "kept_waiting": "kept waiting", "late_chip": "kept waiting: {reason}", "percent_range": "{low}–{high} %", "after_mean": "after some {time}", "chip_milestone_response": "first response", "chip_milestone_won": "won", "chip_milestone_delivered": "delivered", "optional_chip": "done in {share}",
}  # fmt: skip

ZH: dict[str, str] = {
    "unit_us": "微秒", "unit_ms": "毫秒", "unit_s": "秒", "unit_min": "分钟", "unit_h": "小时", "unit_day": "天", "unit_days": "天",
    "unit_week": "周", "unit_weeks": "周", "unit_month": "个月", "unit_months": "个月", "unit_year": "年", "unit_years": "年",
    "per_s": "秒", "per_min": "分钟", "per_h": "小时", "per_day": "天", "per_week": "周", "per_month": "月", "per_year": "年",
    "quantity": "{number} {unit}", "pay": "{amount}/{unit}", "rate": "每{unit} {number} 个", "percent": "{number}%",
    "law": "平均 {mean}，通常 {low} 至 {high}", "law_unbounded": "平均 {mean}",
    "colon": "：", "comma": "、", "semicolon": "；", "or": "或", "in_brackets": "{text}（{inside}）",
    "by_segment": "{segment} {value}", "by_segment_law": "{segment}：{value}", "others": "其他",
    "mon": "周一", "tue": "周二", "wed": "周三", "thu": "周四", "fri": "周五", "sat": "周六", "sun": "周日", "day_range": "{first}至{last}",
    "jan": "1月", "feb": "2月", "mar": "3月", "apr": "4月", "may": "5月", "jun": "6月", "jul": "7月", "aug": "8月", "sep": "9月", "oct": "10月", "nov": "11月", "dec": "12月",
    "late_segments": "客户的耐心用尽时{goal}（见“客户”）", "late_none": "一直等待", "reason": "原因", "share_word": "比例", "step_word": "步骤",
    "about_ranges": "“通常”范围不含最低和最高的各十分之一。工作时间按工时计；天和周按日历计，含夜间和周末。",
    "about_duty": "**核心**步骤不得省略或绕过。**灵活**步骤在有利时可以改变。**可选**步骤有时会跳过。",
    "overview": "概览", "stage": "阶段", "steps": "步骤", "demand": "案例来源", "channel": "渠道", "customers": "客户",
    "segment": "客户类型", "value": "金额", "urgency": "优先级（1 最先）", "patience": "最长等待", "people": "人员", "team": "团队", "size": "人数",
    "hours": "工作时间", "pay_word": "成本", "skills": "技能", "does": "负责步骤", "procedure": "操作流程", "exceptions": "例外情况", "loops": "返工与循环", "losses": "流失点",
    "costs": "固定费用", "register": "数据来源", "place": "场景中的位置", "figures": "数值", "basis": "依据", "cost": "成本",
    "arrivals": "到达", "mix": "构成", "enters": "起始步骤", "attributes": "案例属性", "attribute": "属性", "starts": "初始值",
    "rules": "始终成立的规则", "rules_further": "其他设置", "limits": "案例占用的名额", "limit": "名额", "measures": "关注指标", "measure": "指标", "definition": "定义",
    "register_intro": "{assumed} 项为假设，{sourced} 项注明来源。若结果取决于某项假设，请用自己的数据替换。",
    "register_empty": "没有注明来源或标为假设的数值。", "how_many": "数量", "cost_item": "项目",
    "period": "起始日期 {start}（{zone}）。货币为 {currency}。", "made_by": "由 salessim {version} 根据场景生成，场景哈希 {hash}。",
    "source": "来源：{text}", "assumption": "假设：{text}", "assumption_bare": "假设", "no_losses": "过程中没有流失。", "no_loops": "没有重复的步骤。",
    "loop": "从 {step} 返回 {to}{colon}{share}", "provenance": "备注",
    "arrivals_text": "{rate}", "batched": "成组到达，每组 {sizes}", "in_hours": "仅在 {calendar} 时间内", "growth": "每年增长 {share}", "campaign": "{title}，{start} 至 {end}：为平时的 {factor} 倍",
    "campaign_untitled": "活动", "day_spread": "日间波动比随机多 {share}", "weekday_profile": "一周内不均匀（{days}）", "hour_profile": "一天内不均匀（{hours}）",
    "month_profile": "一年内不均匀（{months}）", "replayed": "{count} 个历史到达记录", "replayed_file": "历史到达记录，文件 {file}", "each": "每个 {money}",
    "calendar_always": "全天候", "holidays": "{country} 公共假日休息", "closed": "{dates} 休息", "open_day": "{date} 开放 {hours}", "clock_zone": "时区 {zone}",
    "overtime": "已开始的工作做完为止，加班按 {factor} 倍计", "suspend": "下班时暂停工作", "efficiency": "{skill}（效率 {share}）",
    "the_system": "系统自动完成", "the_customer": "客户自己的时间",
    "the_branches": "多条路径同时进行", "title_who": "负责人", "title_time": "时间", "title_duty": "性质", "title_cost": "成本", "title_queue": "排队规则", "title_late": "等待过久时",
    "title_unless": "除非", "title_rhythm": "节奏", "title_places": "名额", "title_sets": "变更", "title_automation": "自动化", "title_milestone": "里程碑", "title_then": "之后",
    "title_spawns": "后续", "title_versions": "推广", "title_branches": "路径", "title_further": "其他",
    "first_choice": "{first}；若无人空闲，则 {others}", "whoever": "任何具备技能 {skill} 的人（{teams}）", "with_skill": "技能 {skill}", "together": "与 {others}一起",
    "time_factor": "乘以 {formula}", "runs_in": "在 {calendar} 时间内",
    "duty_core": "核心", "duty_overridden": "核心，但此处不受保护：{reason}（批准人：{who}）", "duty_flexible": "灵活", "duty_optional": "可选，{share} 的案例执行", "duty_may_skip": "可选",
    "cost_labour": "工时约 {money}", "cost_fixed": "每次 {money}",
    "queue_priority": "按优先级，同级先到先办", "queue_first_come": "先到先办", "queue_newest_first": "最新者优先", "queue_highest_value": "金额最高者优先", "queue_longest_in_process": "在流程中最久者优先",
    "queue_formula": "按优先级，同级 {formula} 最高者优先", "queue_class": "一律优先级 {number}", "waiting_room": "最多 {count} 个等待；再来者立即放弃",
    "hold": "若 {time}后仍未凑齐人员，则为其预留",
    "late": "等待 {law}之后{goal}", "late_differs": "等待之后{goal}（{law}）", "late_never": "不放弃，一直等待", "late_silent": "其中 {share} 不告而别；员工仍会尝试 {law}",
    "unless_one": "{law}后{colon}{goal}", "reminders": "每 {time}提醒一次，最多 {most} 次；每次使剩余时间变为 {share}", "posted_every": "每 {time}运行一次", "posted_at": "{days} {times} 运行",
    "gather": "凑齐 {size} 个后一起继续", "gather_at_most": "凑齐 {size} 个后一起继续，最多等待 {time}", "takes": "占用 {limits} 的名额", "gives_back": "归还 {limits} 的名额",
    "sets_one": "{attribute} 变为 {formula}", "automation": "{share} 由系统完成，用时 {law}", "milestone_response": "此为首次响应", "milestone_won": "完成即为赢单", "milestone_delivered": "完成即为交付",
    "count": "次数由 {formula} 决定", "branches_end": "全部返回后继续", "version": "自 {date} 起，{share} 的案例采用 {name}",
    "always_to": "总是", "rest": "其余", "goal_to": "转到 {step}", "goal_lost": "流失：{reason}", "goal_done": "结束", "goal_join": "并行汇合", "gave_up": "放弃",
    "route_limit": "最多 {count} 次", "route_when": "仅当 {formula}", "route_factor": "比例乘以 {formula}", "fades_queue": "客户在此等待 {time}后减半", "fades_age": "案例开始 {time}后减半",
    "fades_queue_open": "客户在此等待越久比例越小", "fades_age_open": "案例时间越长比例越小", "open_to_all": "所有符合者",
    "spawn": "{share}{colon}{kind}，{law}之后{goal}", "spawn_new": "作为新客户", "spawn_segment": "类型为 {segment}", "spawn_when": "仅当 {formula}", "spawn_factor": "概率乘以 {formula}", "spawn_gives": "{attribute} = {formula}", "spawn_passes": "保留 {limit} 的名额",
    "inherited": "传给后续案例", "over_all": "所有案例", "over_won": "赢单案例", "over_lost": "流失案例", "over_delivered": "已交付案例", "over_ended": "已结束案例", "over_service": "服务案例",
    "measure_mean": "{formula} 的平均值", "measure_share": "{formula} 的比例", "measure_per_week": "{formula} 的每周合计", "measure_per_month": "{formula} 的每月合计", "running": "持续 {pay}", "one_off": "一次性 {money}",
    "channels_lane": "渠道", "legend_work": "员工", "legend_automatic": "系统", "legend_customer": "客户时间", "legend_parallel": "并行", "legend_core": "核心步骤", "legend_forward": "前进", "legend_back": "返回",
    "legend_late": "等待过久", "legend_spawn": "后续新案例", "chart_desc": "流程图：{stages} 个阶段，{steps} 个步骤", "automated": "{share} 自动化", "kept_waiting": "久等", "late_chip": "久等：{reason}", "percent_range": "{low}–{high}%", "after_mean": "约 {time}后", "chip_milestone_response": "首次响应", "chip_milestone_won": "赢单", "chip_milestone_delivered": "已交付", "optional_chip": "{share} 执行",
}  # fmt: skip

WORDS: dict[str, dict[str, str]] = {"en": EN, "zh": ZH}
"""THE list of languages: a new one is a table above and a line here and in `Language`."""
