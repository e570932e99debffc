//! What the programs of a case do.

use super::shape::{Number, Switch, Text, shape};
use super::text::{Mistake, Source};
use super::words;
use ripcord::sim::{Behaviour, Program};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

shape!(
    /// What containers do that have this name, image, command, arguments, environment variable, value in a ConfigMap.
    ProgramShape {
        container: Text,
        image: Text,
        command: Vec<String>,
        args: Vec<String>,
        env: BTreeMap<String, String>,
        config: ConfigShape,
        serves: ServesShape,
        ails: AilsShape,
        exits: ExitsShape,
        out_of_memory: OutOfMemoryShape,
        no_such_program: Switch,
    }
);

shape!(
    /// `config:` What a container takes from a ConfigMap.
    ConfigShape {}
    required { config_map: Text, key: Text, value: Text, }
);

shape!(
    /// `serves:`
    ServesShape { ready_after: Text, }
);

shape!(
    /// `ails:` It runs, but not well.
    AilsShape { ready_after: Text, unready_after: Text, deaf_after: Text, stops_with: Number, }
);

shape!(
    /// `exits:`
    ExitsShape { after: Text, lines: Vec<String>, }
    required { code: Number, }
);

shape!(
    /// `outOfMemory:`
    OutOfMemoryShape { after: Text, lines: Vec<String>, }
);

/// What a program does.
pub(crate) fn program(source: &Source, shape: &Spanned<ProgramShape>) -> Result<Program, Mistake> {
    let at = shape.defined;
    let shape = &shape.value;
    let Some(behaviour) = behaviour(source, shape)? else {
        let what = "it is not said what this program does";
        let expected = "one of `serves: {}`, `ails: {…}`, `exits: {code: 1}`, `outOfMemory: {}`, `noSuchProgram: true`";
        return Err(source.wrong(at, what, expected));
    };
    let words = |list: &[String]| list.to_vec();
    let mut program = Program::that(behaviour);
    program.container = shape.container.as_ref().map(|name| name.value.clone());
    program.image = shape.image.as_ref().map(|image| image.value.clone());
    program.command = shape.command.as_deref().map(words);
    program.args = shape.args.as_deref().map(words);
    program.config = shape.config.as_ref().map(|config| {
        let ConfigShape {
            config_map,
            key,
            value,
        } = config;
        (
            config_map.value.clone(),
            key.value.clone(),
            value.value.clone(),
        )
    });
    let mut env = shape.env.iter().flatten();
    program.env = env
        .next()
        .map(|(name, value)| (name.clone(), value.clone()));
    match env.next() {
        None => Ok(program),
        Some(_) => Err(source.wrong(at, "two environment variables", "one is enough to tell it")),
    }
}

/// `None` where none or several things are said.
fn behaviour(source: &Source, shape: &ProgramShape) -> Result<Option<Behaviour>, Mistake> {
    let maybe = |text: &Option<Text>| {
        let seconds = |text| Ok(i64::try_from(words::duration(source, text)?.as_secs()).unwrap());
        text.as_ref().map(seconds).transpose()
    };
    let seconds = |text: &Option<Text>| Ok(maybe(text)?.unwrap_or(0));
    let mut said = Vec::new();
    if let Some(serves) = &shape.serves {
        said.push(Behaviour::Serves {
            ready_after: seconds(&serves.ready_after)?,
        });
    }
    if let Some(ails) = &shape.ails {
        said.push(Behaviour::Ails {
            ready_after: maybe(&ails.ready_after)?,
            unready_after: maybe(&ails.unready_after)?,
            deaf_after: maybe(&ails.deaf_after)?,
            stops_with: ails.stops_with.as_ref().map_or(143, |code| code.value),
        });
    }
    if let Some(exits) = &shape.exits {
        said.push(Behaviour::Exits {
            after: seconds(&exits.after)?,
            code: exits.code.value,
            lines: exits.lines.clone().unwrap_or_default(),
        });
    }
    if let Some(killed) = &shape.out_of_memory {
        said.push(Behaviour::OutOfMemory {
            after: seconds(&killed.after)?,
            lines: killed.lines.clone().unwrap_or_default(),
        });
    }
    if shape
        .no_such_program
        .as_ref()
        .is_some_and(|none| none.value)
    {
        said.push(Behaviour::NoSuchProgram);
    }
    let one = said.len() == 1;
    Ok(said.pop().filter(|_| one))
}
